"""The page: every text of it made ready, so that the template only places it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from quant_platform_kit import report
from quant_platform_kit.domain.features import FeatureTable, RankedRow
from quant_platform_kit.domain.sectors import SECTOR_NAMES
from quant_platform_kit.domain.snapshot_rows import LABELS
from quant_platform_kit.report import formats
from quant_platform_kit.report.cards import Card

from snapshot_pipelines.page.spread import Spread, spread
from snapshot_pipelines.page.words import NONE, change_text, value_text
from snapshot_pipelines.publish.comparing import Comparison, compare
from snapshot_pipelines.publish.snapshots import Snapshot, members_of

__all__ = ["Shown", "render_snapshot"]

RANKED = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """A snapshot to show with its ranking; None where the profile has none, or its configuration is not known."""

    snapshot: Snapshot
    ranking: Sequence[RankedRow] | None


def render_snapshot(shown: Shown, before: Shown | None, reads: Sequence[str]) -> str:
    """Return a page about a snapshot that loads nothing.

    Parameters
    ----------
    before
        What it is compared with; None for nothing.
    reads
        The columns that the profile's rule reads; they are shown beside the ranking and drawn first.
    """
    snapshot = shown.snapshot
    features = snapshot.features
    ordered = [*dict.fromkeys(name for name in (*reads, *features) if name in features)]
    context = {
        "head": _head(shown),
        "cards": _cards(shown, ordered),
        "told": cast("list[str]", snapshot.told.get("in_words", [])),
        "reads": [name for name in reads if name in features],
        "ranking": _ranking(shown, before, [name for name in reads if name in features]),
        "ranked": formats.number(len(shown.ranking or ())),
        "spreads": _spreads(snapshot.table, before.snapshot.table if before else None, ordered),
        "before": _head(before) if before else None,
        "changes": _changes(compare(before.snapshot, snapshot)) if before else None,
        "sectors": _sectors(shown),
        "manifest": _manifest(snapshot),
        "sources": snapshot.manifest.sources,
        "number": formats.number,
    }
    return _template().render(**context)


@cache
def _template() -> Template:
    folders = [Path(__file__).parent, *map(Path, report.__path__)]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("snapshot.html.j2")


def _head(shown: Shown) -> dict[str, str]:
    manifest = shown.snapshot.manifest
    return {
        "profile": manifest.strategy_profile,
        "as_of": manifest.snapshot_as_of.isoformat(),
        "rows": formats.number(manifest.row_count),
        "generated_at": f"{manifest.generated_at:%Y-%m-%d %H:%M} UTC",
        "digest": shown.snapshot.digest,
        "short": shown.snapshot.digest[:12],
        "sentence": _sentence(shown),
    }


def _sentence(shown: Shown) -> str:
    members = int(shown.snapshot.is_member.sum())
    text = f"{formats.number(members)} members have a row"
    coverage = shown.snapshot.told.get("coverage", {})
    if coverage.get("membership_given") and coverage.get("share") is not None:
        text += f", {formats.percent(coverage['share'])} of the {formats.number(coverage['members'])} there are"
    if not shown.ranking:
        return f"{text}."
    first = shown.ranking[0]
    score = formats.number(first.score, 2)
    return f"{text}. {formats.number(len(shown.ranking))} are ranked; {first.symbol} leads with a score of {score}."


def _cards(shown: Shown, features: Sequence[str]) -> tuple[Card, ...]:
    snapshot = shown.snapshot
    table, told = snapshot.table, snapshot.told
    members = int(snapshot.is_member.sum())
    known = sum(snapshot.known[name] for name in features) / max(1, len(features) * members)
    former = len(table.stocks) - members
    return (
        Card("Rows", formats.number(len(table)), f"{former} of former members, kept so that holdings are sold"),
        Card("Members", formats.number(members), _share(told)),
        Card("Values known", formats.percent(known), f"of {len(features)} features of the members"),
        Card("Ranked", formats.number(len(shown.ranking)) if shown.ranking is not None else NONE, _why(shown)),
    )


def _share(told: Mapping[str, object]) -> str:
    coverage = cast("Mapping[str, object]", told.get("coverage", {}))
    if not coverage:
        return "nothing is told of the others"
    if not coverage["membership_given"]:
        return "no membership was given: all count as members"
    return f"of {coverage['members']} that there are"


def _why(shown: Shown) -> str:
    return "by the rule, whatever is held" if shown.ranking is not None else "no ranking without its configuration"


def _ranking(shown: Shown, before: Shown | None, reads: Sequence[str]) -> list[dict[str, object]]:
    table = shown.snapshot.table
    was = {row.symbol: row.rank for row in (before.ranking or ())} if before else {}
    compared = before is not None and before.ranking is not None
    return [
        {
            "rank": str(row.rank),
            "symbol": row.symbol,
            "sector": SECTOR_NAMES[int(table[row.symbol]["sector_code"])],
            "score": formats.number(row.score, 3),
            "before": str(was.get(row.symbol, "new")) if compared else "",
            "tone": _tone(row.rank, was.get(row.symbol)) if compared else "",
            "values": [value_text(name, table[row.symbol][name]) for name in reads],
        }
        for row in (shown.ranking or ())[:RANKED]
    ]


def _tone(rank: int, before: int | None) -> str:
    if before is None or rank < before:
        return "buy"
    return "sell" if rank > before else ""


def _spreads(table: FeatureTable, before: FeatureTable | None, names: Sequence[str]) -> list[Spread]:
    drawn: list[Spread] = []
    for name in names:
        earlier = before.columns[name][members_of(before)] if before and name in before.columns else None
        if made := spread(name, table.columns[name][members_of(table)], earlier):
            drawn.append(made)
    return drawn


def _changes(found: Comparison) -> dict[str, object]:
    return {
        "symbols": {
            "New rows": ", ".join(found.added),
            "Rows gone": ", ".join(found.removed),
            "Became members": ", ".join(found.joined),
            "No members any more": ", ".join(found.left),
            "New columns": ", ".join(found.new_columns),
            "Columns gone": ", ".join(found.lost_columns),
        },
        "fields": {name: (old[:16], new[:16]) for name, (old, new) in found.fields.items()},
        "columns": [
            {
                "name": column.name,
                "changed": formats.number(column.changed),
                "median": change_text(column.name, column.median),
                "largest": change_text(column.name, column.largest),
                "symbol": column.symbol or NONE,
                "known": f"{formats.number(column.known_before)} to {formats.number(column.known_after)}",
            }
            for column in found.columns
            if column.name not in LABELS
        ],
    }


def _sectors(shown: Shown) -> list[dict[str, str]]:
    table = shown.snapshot.table
    codes: list[float] = table.columns["sector_code"][shown.snapshot.is_member].tolist()
    ranked = [int(table[row.symbol]["sector_code"]) for row in (shown.ranking or ())[:RANKED]]
    counts = {code: codes.count(code) for code in SECTOR_NAMES}
    most = max(counts.values(), default=0) or 1
    return [
        {
            "name": SECTOR_NAMES[code],
            "members": formats.number(count),
            "share": formats.percent(count / max(1, len(codes))),
            "width": f"{count / most:.1%}",
            "ranked": str(ranked.count(code)) if shown.ranking is not None else NONE,
        }
        for code, count in sorted(counts.items(), key=lambda item: -item[1])
        if count
    ]


def _manifest(snapshot: Snapshot) -> dict[str, str]:
    manifest = snapshot.manifest
    return {
        "Manifest": snapshot.digest,
        "File": f"{manifest.snapshot_path} ({formats.number(manifest.snapshot_bytes)} bytes)",
        "Contract": manifest.contract_version,
        "Configuration": f"{manifest.config_path or 'the default'}, sha256 {manifest.config_sha256}",
        "Made": f"{manifest.generated_at:%Y-%m-%d %H:%M:%S} UTC by {manifest.code_version}",
    }
