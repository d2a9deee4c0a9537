"""What an operator does: halts, owners, acceptance, resolving, cancelling; each act is audited."""
