"""The `snapshots` command.

Exit codes: 0 done; 1 refused or failed; 2 usage.
"""

from __future__ import annotations

import typer
from quant_platform_kit.adapters.command_line import run_command_line

from snapshot_pipelines.cli import build, diff, list, prune, publish, pull, run, show, verify

__all__ = ["app", "main"]

app = typer.Typer(
    name="snapshots",
    help="Feature snapshots: build them point in time, publish them once, verify them everywhere.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.command("build")(build.build_command)
app.command("publish")(publish.publish_command)
app.command("verify")(verify.verify_command)
app.command("list")(list.list_command)
app.command("show")(show.show_command)
app.command("diff")(diff.diff_command)
app.command("prune")(prune.prune_command)
app.command("pull")(pull.pull_command)
app.command("run")(run.run_command)


@app.callback()
def _snapshots() -> None: ...


def main() -> None:
    """Run the command line."""
    run_command_line(app, "snapshots")
