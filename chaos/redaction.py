"""Documents with a canary wherever something is told that may not be given away, and what is left of them.

``python -m chaos.redaction --cases 10000 --seed 1`` makes so many documents, redacts them, and prints one JSON line. A
canary is a word or a number that nobody else has. It stands in fields that no rule keeps: in texts, URLs, error texts,
base64, keys of objects, and as a number; the number stands in a field that is kept, too.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from quant_platform_kit.adapters.captures import Capture, Manifest, lines_of
from quant_platform_kit.domain.beliefs import Kind, Place, Table
from quant_platform_kit.domain.redacting import redacted

from chaos.made_documents import BROKERS, LISTED, made, reading_of

__all__ = ["Outcome", "run"]

DAY = date(2024, 6, 10)

SUMS = {
    "ibkr": ("account", ("TotalCashValue.*", "AvailableFunds.*"), "NetLiquidation.*"),
    "longbridge": ("account", ("buy_power", "total_cash"), "net_assets"),
    "schwab": (
        "account",
        ("securitiesAccount.currentBalances.cashBalance", "securitiesAccount.currentBalances.longMarketValue"),
        "securitiesAccount.currentBalances.liquidationValue",
    ),
}
"""Where two amounts are a third one, in the documents that are made here."""


@dataclass
class Outcome:
    """What became of the cases."""

    documents: int = 0
    canaries: int = 0
    kept: int = 0
    identities: int = 0
    wrong: list[str] = field(default_factory=list[str])


def run(cases: int, seed: int) -> Outcome:
    """Make and redact so many documents."""
    rng, outcome = random.Random(seed), Outcome()
    pairs = [(broker, table) for broker in BROKERS for table in _tables(reading_of(broker))]
    for _ in range(cases):
        broker, table = rng.choice(pairs)
        _case(broker, table, rng, outcome)
    return outcome


def _tables(reading: Any) -> tuple[Table, ...]:
    """Return what is believed of documents, and what is kept of the wire."""
    return (*reading.TABLES, *getattr(reading, "WIRE", ()))


def _case(broker: str, table: Table, rng: random.Random, outcome: Outcome) -> None:
    document = made(table, rng)
    subject, parts, total = SUMS.get(broker, ("", (), ""))
    if table.subject == subject:
        _add_up(document, parts, total)
    word, number = f"Zq{rng.randrange(10**8, 10**9)}canary", rng.randrange(10**8, 10**9)
    planted = _Planting(word, number, rng)
    told = planted.at(table.root, document)
    scale = rng.choice((1, 1, 7))
    answers = [redacted([table], [(table.subject, told)], LISTED, scale) for _ in range(2)]
    manifest = Manifest(broker, "library", "1", made=DAY, scale=scale)
    texts = ["".join(lines_of(Capture(manifest, answer)).values()) for answer in answers]
    outcome.documents += 1
    outcome.canaries += planted.count
    if texts[0] != texts[1]:
        outcome.wrong.append(f"{broker} {table.subject}: two runs are not equal")
    for canary in (word, str(number), *planted.forms):
        if canary in texts[0]:
            outcome.wrong.append(f"{broker} {table.subject}: {canary} is left in {texts[0]:.400}")
    _compare(table, document, answers[0][0][1], scale, planted, outcome)
    if table.subject == subject:
        figures = [_at(answers[0][0][1], path) for path in (*parts, total)]
        outcome.identities += 1
        if planted.changed_no_number and figures[0] + figures[1] != figures[2]:
            outcome.wrong.append(f"{broker} {table.subject}: {figures[0]} + {figures[1]} is not {figures[2]}")


def _add_up(document: Any, parts: tuple[str, ...], total: str) -> None:
    amount = sum((_at(document, path) for path in parts), Decimal(0))
    _set(document, total, amount)


def _at(document: Any, path: str) -> Decimal:
    for name in path.split("."):
        document = document["USD"] if name == "*" else document[name]
    return Decimal(str(document))


def _set(document: Any, path: str, value: Decimal) -> None:
    *names, last = path.split(".")
    for name in names:
        document = document[name]
    if last == "*":
        document["USD"] = str(value)
    else:
        document[last] = value


def _compare(table: Table, document: Any, answer: Any, scale: int, planted: _Planting, outcome: Outcome) -> None:
    """Note each kept field that is not as it was."""
    whole = redacted([table], [(table.subject, document)], LISTED)[0][1]
    for path, was in _leaves(table.root, document):
        if not isinstance(was, str | Decimal) or path in planted.touched:
            continue
        if _leaf(whole, path) != was:
            continue  # no rule keeps it
        now = _leaf(answer, path)
        outcome.kept += 1
        place = _place(table, document, path)
        scales = place.declared is not None and place.declared.money and Kind.PER_UNIT not in place.declared.kinds
        is_number = isinstance(was, Decimal) or (Kind.NUMERAL in (place.declared.kinds if place.declared else ()))
        wanted = Decimal(was) * scale if scales and is_number else was
        if (Decimal(now) if scales and is_number else now) != wanted:
            outcome.wrong.append(f"{table.subject} {path}: {was} became {now}, and {wanted} was wanted")


def _leaves(place: Place, document: Any, before: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(document, Mapping):
        return [leaf for name, value in document.items() for leaf in _leaves(place, value, (*before, name))]
    if isinstance(document, list):
        return [leaf for n, value in enumerate(document) for leaf in _leaves(place, value, (*before, n))]
    return [(before, document)]


def _leaf(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _place(table: Table, document: Any, path: tuple[Any, ...]) -> Place:
    place = table.root
    for key in path:
        listed = isinstance(key, int)
        inner = place.item(key, len(document)) if listed else place.below.get(key, place.below.get("*"))
        assert inner is not None, "it was made of the table"
        place, document = inner, document[key]
    return place


class _Planting:
    """Puts canaries into a document."""

    def __init__(self, word: str, number: int, rng: random.Random) -> None:
        self.word, self.number, self.rng = word, number, rng
        coded = base64.b64encode(word.encode()).decode()
        self.forms = (coded, coded.rstrip("="))
        self.count = 0
        self.changed_no_number = True
        self.touched: set[tuple[Any, ...]] = set()

    def at(self, place: Place | None, value: Any, before: tuple[Any, ...] = ()) -> Any:
        """Return a value with canaries in it."""
        if isinstance(value, Mapping):
            below = {} if place is None else place.below
            told = {n: self.at(below.get(n, below.get("*")), v, (*before, n)) for n, v in value.items()}
            return told if "*" in below else {**told, **self.more()}
        if isinstance(value, list):
            places = [None if place is None else place.item(number, len(value)) for number in range(len(value))]
            return [
                self.at(one, item, (*before, number))
                for number, (one, item) in enumerate(zip(places, value, strict=True))
            ]
        declared = None if place is None else place.declared
        if declared is None or self.rng.random() < 0.7:
            return value
        if Kind.ID in declared.kinds:
            return self.planted(before, self.number)
        if Kind.HOURS in declared.kinds or (
            Kind.TEXT in declared.kinds and (not declared.known or Kind.FIXED in declared.kinds)
        ):
            return self.planted(before, self.text())
        if Kind.NUMBER in declared.kinds and self.rng.random() < 0.1:
            self.changed_no_number = False  # a kept number that somebody's is
            return self.planted(before, self.number)
        return value

    def planted(self, place: tuple[Any, ...], value: Any) -> Any:
        """Note that a canary stands at a place."""
        self.count += 1
        self.touched.add(place)
        return value

    def text(self) -> str:
        """Return a text with a canary in it."""
        return self.rng.choice(
            (
                self.word,
                f"https://api.example/accounts/{self.word}/orders?n={self.number}",
                f"order of account {self.number} was refused: {self.word}",
                f"token {self.forms[0]}",
                str(self.number),
            )
        )

    def more(self) -> dict[str, Any]:
        """Return fields that no table has, always with the number."""
        self.count += 4
        return {
            "aField": self.text(),
            f"by{self.word}": {"deep": [self.text(), {self.word: True}]},
            "aNumber": self.number,
            f"{self.number}": "x",
        }


def main() -> int:
    """Print one JSON line; return 1 when something was wrong, with examples."""
    parser = argparse.ArgumentParser(prog="python -m chaos.redaction", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = run(arguments.cases, arguments.seed)
    for said in found.wrong[:10]:
        sys.stderr.write(f"{said}\n")
    line = {
        "documents": found.documents,
        "canaries": found.canaries,
        "kept": found.kept,
        "identities": found.identities,
        "wrong": len(found.wrong),
    }
    sys.stdout.write(json.dumps(line) + "\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
