"""The `quant` command.

Exit codes: 0 completed, no action or skipped; 1 incomplete, blocked, failed or refused; 2 usage.
"""

from __future__ import annotations

from importlib.metadata import entry_points

import typer

from quant_platform_kit.adapters.command_line import run_command_line
from quant_platform_kit.cli import (
    accept,
    account,
    allow,
    audit,
    backtest,
    believe,
    cancel,
    compare,
    contact,
    halt,
    ledger,
    new,
    objects,
    owner,
    paper,
    prices,
    profiles,
    ready,
    replay,
    rerun,
    resolve,
    run,
    shortfall,
    status,
    sweep,
    watchdog,
)

__all__ = ["app", "main"]

ENTRY_POINTS = "quant.commands"
"""Entry point group: each loads a `typer.Typer` that becomes a sub-command of its name."""

app = typer.Typer(
    name="quant",
    help="Systematic strategies: check prices, back-test, run. Dry run and paper only, until you say otherwise.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("profiles")(profiles.profiles)
app.command("backtest")(backtest.backtest_command)
app.command("compare")(compare.compare_command)
app.command("sweep")(sweep.sweep_command)
app.command("run")(run.run_command)
app.command("status")(status.status_command)
app.command("account")(account.account_command)
app.command("resolve")(resolve.resolve_command)
app.command("rerun")(rerun.rerun_command)
app.command("halt")(halt.halt_command)
app.command("resume")(halt.resume_command)
app.command("cancel")(cancel.cancel_command)
app.command("accept")(accept.accept_command)
app.command("believe")(believe.believe_command)
app.command("allow")(allow.allow_command)
app.command("owner")(owner.owner_command)
app.command("ready")(ready.ready_command)
app.command("audit")(audit.audit_command)
app.command("replay")(replay.replay_command)
app.command("shortfall")(shortfall.shortfall_command)
app.command("watchdog")(watchdog.watchdog_command)
app.add_typer(contact.app, name="contact")
app.add_typer(ledger.app, name="ledger")
app.add_typer(new.app, name="new")
app.add_typer(objects.app, name="objects")
app.add_typer(paper.app, name="paper")
app.add_typer(prices.app, name="prices")
for _entry in entry_points(group=ENTRY_POINTS):
    app.add_typer(_entry.load(), name=_entry.name)


def main() -> None:
    """Run the command line."""
    run_command_line(app, "quant")
