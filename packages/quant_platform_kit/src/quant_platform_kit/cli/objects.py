"""`quant objects`: every object of a place that is only added to, an archive or feature snapshots, copied and back."""

from __future__ import annotations

from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.snapshot_stores import open_snapshots
from quant_platform_kit.cli.options import EmptyOption, JsonOption
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.services.operate.copying import Copied, back_up, bring_back, check_copy

__all__ = ["app"]

app = typer.Typer(help="Copy an archive or feature snapshots, and back.", no_args_is_help=True)

SourceArgument = Annotated[str, typer.Argument(metavar="FROM", help="A folder, file:///folder or gs://bucket/prefix.")]
TargetArgument = Annotated[str, typer.Argument(metavar="TO", help="Likewise.")]
CopyArgument = Annotated[str, typer.Argument(metavar="COPY", help="What `quant objects copy` has made.")]


@app.callback()
def _group() -> None:
    """Copy an archive or feature snapshots, and back."""


@app.command("copy")
def copy_command(
    source: SourceArgument, target: TargetArgument, *, empty: EmptyOption = False, json: JsonOption = False
) -> None:
    """Copy what TO does not have yet, and list all objects there with their digests."""
    to, of = f"{target.removeprefix('file://').rstrip('/')}/", f"{source.removeprefix('file://').rstrip('/')}/"
    if to.startswith(of) or of.startswith(to):
        raise Refused(f"TO {target} and FROM {source} are one place, or one is in the other: copy it elsewhere")
    _tell(f"{target} holds", back_up(open_snapshots(source), open_snapshots(target), empty=empty), json=json)


@app.command("check")
def check_command(copy: CopyArgument, *, json: JsonOption = False) -> None:
    """Read a copy to its end; exit code 1 if an object is missing or was changed."""
    objects = len(check_copy(open_snapshots(copy)))
    if json:
        print_json({"objects": objects})
    else:
        say(f"{copy} is whole: {objects} objects")


@app.command("restore")
def restore_command(copy: CopyArgument, target: TargetArgument, *, json: JsonOption = False) -> None:
    """Write a copy into an empty place; it is read to its end before."""
    _tell(f"{target} is restored:", bring_back(open_snapshots(copy), open_snapshots(target)), json=json)


def _tell(begin: str, copied: Copied, *, json: bool) -> None:
    if json:
        print_json({"objects": copied.objects, "written": copied.written, "bytes": copied.size})
    else:
        say(f"{begin} {copied.objects} objects, {copied.size} bytes; {copied.written} were written now")
