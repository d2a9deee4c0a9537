"""The only room that knows tqsdk: one TqApi, owned by one thread, and what it shows."""
