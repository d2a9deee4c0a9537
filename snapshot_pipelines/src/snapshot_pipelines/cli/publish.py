"""`snapshots publish`: versions to where services read them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import notice, print_json
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, progress
from quant_platform_kit.domain.errors import InvalidInput
from rich.markup import escape

from snapshot_pipelines.cli.meaning import AboutOption, EndpointOption, OneProfileOption, StrategyFileOption
from snapshot_pipelines.publish.holding import held
from snapshot_pipelines.publish.publishing import Outcome
from snapshot_pipelines.publish.releasing import release, versions_meant
from snapshot_pipelines.publish.roots import Root

__all__ = ["publish_command"]


def publish_command(
    roots: Annotated[
        list[str], typer.Argument(metavar="ROOT[@DAY]|MANIFEST...", help="Where versions were built, or one of them.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="ROOT", help="Where to publish: a folder or gs://bucket/prefix.")],
    profile: OneProfileOption = None,
    strategy: StrategyFileOption = None,
    config: AboutOption = None,
    as_of: Annotated[
        date | None, typer.Option(parser=options.day, metavar="YYYY-MM-DD", help="Only the version of this session.")
    ] = None,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Also versions before the latest one; the last of all becomes latest.")
    ] = False,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Verify versions and publish them; the newest becomes the latest, which services start from.

    What is published is never changed. Exit 1 if another publisher was first, or a version does not pass its checks.
    """
    found = [one for text in roots for one in versions_meant(text, profile, as_of, endpoint)]
    if not found:
        of = f" of {as_of}" if as_of else ""
        raise InvalidInput(f"there is no version{of} at {', '.join(roots)}; build one, or correct the address")
    target = Root(to, endpoint)
    with progress("publish") as bar:
        task = bar.add_task("versions", total=len(found))
        released = release(
            found,
            target,
            lambda manifest: held(manifest, profile, strategy, config),
            allow_older=allow_older,
            reached=lambda place: bar.advance(task),
        )
    if not released.ranked:
        notice("no ranking is published: the profile has none, or --config does not give what it was built with")
    _tell(released.outcome, target, as_json=json)


def _tell(outcome: Outcome, target: Root, *, as_json: bool) -> None:
    manifest, digest, before = outcome.latest.manifest, outcome.latest.digest, outcome.before
    if as_json:
        print_json(
            {
                "profile": manifest.strategy_profile,
                "to": target.address,
                "as_of": manifest.snapshot_as_of,
                "manifest_sha256": digest,
                "moved": outcome.moved,
                "before": {"as_of": before.manifest.snapshot_as_of, "manifest_sha256": before.digest}
                if before
                else None,
                "new": outcome.new,
            }
        )
        return
    out = console()
    what = f"{manifest.snapshot_as_of} {digest[:12]}"
    if not outcome.moved:
        out.print(f"{what} is latest already at {escape(target.address)}; nothing to publish", soft_wrap=True)
    elif before:
        was = f"{before.manifest.snapshot_as_of} {before.digest[:12]}"
        out.print(f"[green]published[/green] {what} to {escape(target.address)}; before it was {was}", soft_wrap=True)
    else:
        out.print(f"[green]published[/green] {what} to {escape(target.address)}, the first there", soft_wrap=True)
    if outcome.new:
        count = len(outcome.new)
        out.print(f"{count} version{'s' if count > 1 else ''} of {manifest.strategy_profile} put there")
