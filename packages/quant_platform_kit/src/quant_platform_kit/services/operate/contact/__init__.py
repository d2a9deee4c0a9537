"""The first contact with an account: what a user looks at before a service trades."""
