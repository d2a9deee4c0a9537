"""The trading playbook with Alpaca's bars: ``python -m alpaca_app.playbook --symbol QQQ --start ... --end ...``."""

from trading_playbook.cli.backtest import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
