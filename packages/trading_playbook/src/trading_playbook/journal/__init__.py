"""The journal: one row per strategy, symbol and session, in one exact form."""
