"""What the ledger keeps of orders and cancels."""
