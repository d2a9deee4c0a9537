"""Keeps raw and normalized events, commands and results for ever."""

from __future__ import annotations

from quant_platform_kit.adapters.snapshot_stores import open_snapshots
from quant_platform_kit.events.stages import Durable, Flow, Hooks

from event_trading_app.archive.archiver import Archiver
from event_trading_app.archive.writing import Files
from event_trading_app.names import Topic
from event_trading_app.services.context import Context
from event_trading_app.services.stages import beside, run_durable

__all__ = ["run"]

GRACE_SECONDS = 10.0
PATIENCE_SECONDS = 0.5


async def run(context: Context) -> None:
    """Archive until stopped."""
    settings = context.settings
    files = Files(open_snapshots(settings.archive_url))
    archiver = Archiver(files, context.clock, settings.archive_rows, settings.archive_seconds)
    context.metrics.gauges = lambda: {"archived_events": archiver.counted, "archived_bytes": files.written}
    stage = Durable(
        context.member(*Topic, patience=PATIENCE_SECONDS),
        archiver.handle,
        context.clock,
        flow=Flow(settings.archive_rows * 2, settings.archive_rows * 2, GRACE_SECONDS),
        hooks=Hooks(archiver.assigned, archiver.revoked),
        handle_all=archiver.handle_all,
    )
    archiver.told = lambda state: setattr(stage.figures, "state", state)
    await beside(run_durable(context, stage), archiver.run(context.stop))
