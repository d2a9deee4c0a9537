"""What people see of daily runs: figures, alerts, the summary of a day."""
