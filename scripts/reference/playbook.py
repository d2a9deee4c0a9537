"""docs/reference/playbook.md: the daily run, its settings, figures and bounds, out of the code."""

from __future__ import annotations

from trading_playbook.config import Config
from trading_playbook.observe.bounds import BOUNDS
from trading_playbook.observe.exposition import GAUGES, metric_of
from trading_playbook.web.trading_days import LiveSettings

from reference.fields import default, values
from reference.markdown import table

RUN = """\
`quant playbook backtest --today` and `POST /backtest` make the row of one session: the New York date of the trigger,
which is `X-CloudScheduler-ScheduleTime` over HTTP and the clock on the command line. Each attempt is one object of the
store, created once: figures and alerts come from these and the journal alone.

| outcome | when | exit | HTTP |
|---|---|---|---|
| `written` | the row was written, with those of up to 10 sessions that were missed before it | 0 | 200 |
| `unchanged` | every journal has the row; the source is not asked | 0 | 200 |
| `skipped` | no session that day | 0 | 200 |
| `early` | before the close and 16 minutes | 1 | 409, with `Retry-After` |
| `conflict` | a journal has another row and keeps it; a retry cannot help | 1 | 200 |
| `error` | bars are not all there yet, over 10 sessions were missed, or a source or journal failed | 1 | 503, too |

From the next session's open on, a row is written as its bars are. `--not-before HH:MM` ends with 0 and not even an
attempt before that time in New York. Usage is exit 2 and HTTP 400. With several journals each is finished or fails on
its own, and the attempt is an `error` until all have the row.

The body of `POST /backtest` is empty, `{"date": "2025-11-28"}` for an earlier session, or `{"mode": "probe"}`, which
asks source, journals and store and writes nothing. `GET /version` and `/metrics` are for readers, `GET /ready` and
`/health` for anybody."""
JOURNALS = """\
Rows are merged by strategy, symbol and session. A file is replaced whole, under a lock beside it; an object by its
generation; a document by a unique index on the key, which is made with the first row. What is no journal is refused and
never repaired. `quant playbook journal export` writes the same bytes from each."""
LIVE = """\
`python -m alpaca_app.playbook live` runs DP20 on streaming bars, session after session, on an account of its own: with
another service on the account the start is refused, naming both. A second instance waits until the account is free and
goes on where the first stopped. `/` is a page of the session; what is recorded of it stands in the ledger's chain.
`POST /watch` is 200 as long as sessions go as they should, and else 503 with what is wrong: the venue does not answer,
no session is under way from the open to the close, nobody works on one, or one is not over 5 minutes after the close.

| what | when |
|---|---|
| a slot of the search ends | when its bars are there, or 5 s after its end; before that REST is asked for them |
| entry | at the market, within 30 s of the confirmation's end, else `missed` |
| the rest of an entry that is filled in part | cancelled after 5 s |
| stop | at once, the average fill less 1.2 ATR, rounded down to the cent; not placed in 10 s: sold |
| leaving | 5 minutes before the close: the stop is cancelled, and what is held sold once it is over |
| not flat 3 minutes later | told, and again every 3 minutes |
| no bar for 3 minutes | told, nothing is entered; after 10 minutes a breaker |

A breaker sets a halt `playbook-ID.SYMBOL`, which `quant resume playbook ID.SYMBOL` lifts: a loss of 2 R, 3 errors in a
row, no bar for 10 minutes, a clock more than 2 s from the broker's, 3 reconnects in 5 minutes. No halt keeps a stop or
an exit from being sent. `quant playbook shortfall --account ID` holds sessions against the journal, in R, and names
those that late bars made decide otherwise; `quant playbook replay --account ID` decides again from recorded bars."""


def page() -> str:
    """Return the page."""
    settings, of_live = (
        [
            (f"`{name.upper()}`", default(field), values(field), field.description or "")
            for name, field in kind.model_fields.items()
        ]
        for kind in (Config, LiveSettings)
    )
    parts = (
        "# The playbook, day by day",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is "
        "out of date.",
        RUN,
        "## Settings",
        table(("setting", "default", "values", "meaning"), settings),
        "`--output` wins over `OUTPUT_LOCATION`. `--cloud` puts journal, cache and store below `GCS_BUCKET`. The "
        "keys of Alpaca, and what else is about it alone, are settings of [its app](alpaca.md).",
        "## Live sessions",
        LIVE,
        table(("setting", "default", "values", "meaning"), of_live),
        "## Journals",
        JOURNALS,
        "## Figures",
        "At `/metrics`, in the file of `--metrics-file`, and as numbers in the log line with `event` `figures`; what "
        "nothing is known of is left out.",
        table(("metric", "meaning"), [(f"`{metric_of(gauge.figure)}`", gauge.help) for gauge in GAUGES]),
        "## Bounds",
        "A figure at its bound does not alert. Each run checks them, and `quant playbook watchdog`; both tell once an "
        "episode. `deploy/playbook` has the same for Prometheus and Google Cloud.",
        table(
            ("bound", "metric", "at most", "above it"),
            [(bound.name, f"`{metric_of(bound.figure)}`", f"{bound.most:g}", bound.what) for bound in BOUNDS],
        ),
    )
    return "\n\n".join(parts) + "\n"
