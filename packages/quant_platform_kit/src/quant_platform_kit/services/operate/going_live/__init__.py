"""What stands between an account and live trading, and how a person lifts it."""
