"""What is recorded, and read back: leases, the order ledger, inputs, reports, backups."""
