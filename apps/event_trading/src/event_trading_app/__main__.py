"""Run the command line."""

from event_trading_app.cli.main import main

main()
