"""docs/reference/alpaca.md: what is read of Alpaca, out of the app's own settings and numbers."""

from __future__ import annotations

from alpaca_app.api import ADJUSTMENTS, PAUSES
from alpaca_app.hours import SILENT_MINUTES
from alpaca_app.live import LiveAccess
from alpaca_app.pacing import BURST, PER_MINUTE
from alpaca_app.settings import AlpacaAccess
from alpaca_app.source import TOGETHER

from reference.fields import default, values
from reference.markdown import table

__all__ = ["page"]

PROSE = f"""\
# Alpaca

Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is out of date.

`alpaca-app` reads prices: minute bars and closes for the [playbook](dp20.md), daily prices for `quant prices pull
--platform alpaca` and for snapshots. What is traded over it is in [the runbook](../runbooks/alpaca.md).

```sh
ALPACA_API_KEY=... ALPACA_SECRET_KEY=... quant playbook backtest --symbol QQQ --start 2025-09-01 --end 2025-11-04
```

`python -m alpaca_app.playbook` is the same command, and without arguments [the service](playbook.md) that makes a row
a day; with `--bars` and `--daily` files are read instead.

## What is read

- **Minute bars** are as they were traded, of the feed, within the hours of the exchange's calendar. Up to {TOGETHER}
  sessions that follow one another are one question. Bars that cannot be meant are fetched again once, then refused.
- **Closes** before a session are in the session's own units: the raw close of each day, divided by what was split
  between the two days. That is the ratio of raw to split-adjusted close, taken for the simplest fraction near it, as
  Alpaca rounds what it adjusts. So a later split changes no row, to the last bit.
- **The calendar** is our own. Where Alpaca's differs, a warning says on which day.
- **Daily prices** of a price file are adjusted for splits, `adj_close` for dividends too. A session counts from 16
  minutes after its close on.

{table(("prices", "asked for as"), ((f"`{kind.value}`", f"`{name}`") for kind, name in ADJUSTMENTS.items()))}

## The cache

Finished sessions are kept in `DATA_CACHE_DIR`, a folder or `gs://bucket/prefix`: their bars in
`SYMBOL_1min_FEED_DATE.parquet`, the closes before them in `SYMBOL_1day_FEED_DATE.parquet`. Any tool reads them. A
session is finished 16 minutes after its close if its bars reach the last {SILENT_MINUTES} minutes, else from the next
session's open on. Each file says its name and has a checksum; one that was damaged or renamed is fetched
again.

## When Alpaca does not answer

A request ends within `ALPACA_TIMEOUT_SECONDS`. It is made {len(PAUSES) + 1} times in all where the answer is 429 or
5xx, no JSON or cut, a page that comes again, or none; each time is a warning. Wrong keys and questions are refused at
once.
At most {BURST} requests come at once, and {PER_MINUTE} a minute after that; Alpaca takes 200 a minute.

## Settings
"""


def page() -> str:
    """Return the page."""
    head = ("setting", "default", "values", "")
    read, live = (
        table(
            head,
            [
                (f"`{name.upper()}`", default(field), values(field), field.description or "")
                for name, field in kind.model_fields.items()
                if name not in known or field.default != known[name].default
            ],
        )
        for kind, known in ((AlpacaAccess, {}), (LiveAccess, AlpacaAccess.model_fields))
    )
    return f"{PROSE}\n{read}\n\nLive sessions (`python -m alpaca_app.playbook live`) have others:\n\n{live}\n"
