"""A capture: a folder with a broker's documents, redacted, and with what they came from.

``manifest.json`` says platform, client library, version, date, and in which ways the documents were other than
believed. ``documents.jsonl`` has a line for each document: its subject, and the document. ``wire.jsonl``, where it is
there, has one for each exchange over the wire.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redacting import Documents

__all__ = ["Capture", "Manifest", "check_folder", "exact_json", "lines_of", "read_capture", "write_capture"]

MANIFEST, DOCUMENTS, WIRE = "manifest.json", "documents.jsonl", "wire.jsonl"
_EXACT = re.compile(r'"\\u0000([^"]*)"')


@dataclass(frozen=True, slots=True)
class Manifest:
    """What documents came from.

    Attributes
    ----------
    library, version
        The client library's distribution and its version.
    made
        On which day (UTC).
    scale
        What amounts and quantities were multiplied by.
    differences
        In which ways the documents are other than believed, in words.
    """

    platform: str
    library: str
    version: str
    made: date
    scale: int = 1
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capture:
    """Documents and what they came from; ``exchanges`` is what went over the wire, empty where that is not kept."""

    manifest: Manifest
    documents: Documents
    exchanges: Documents = ()


_MANIFEST = TypeAdapter(Manifest)


def lines_of(capture: Capture) -> dict[str, str]:
    """Return the content of each file of a capture, by name: the same for the same capture."""
    manifest = {**asdict(capture.manifest), "made": capture.manifest.made.isoformat()}
    wire = {WIRE: _lines(capture.exchanges)} if capture.exchanges else {}
    return {MANIFEST: json.dumps(manifest, indent=2) + "\n", DOCUMENTS: _lines(capture.documents), **wire}


def write_capture(folder: Path, capture: Capture) -> None:
    """Write a capture into a new or empty folder.

    Raises
    ------
    InvalidInput
        There is something in the folder, or it cannot be written; nothing was changed.
    """
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in lines_of(capture).items():
            (folder / name).write_text(content)
    except OSError as error:
        raise InvalidInput(f"capture {folder}: {error.strerror}; choose a folder that can be written") from error


def check_folder(folder: Path) -> None:
    """Raise `InvalidInput` for a folder that a capture cannot be written into."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"capture {folder} is there and not empty: choose a new folder")


def read_capture(folder: Path) -> Capture:
    """Return the capture in a folder, its numbers exact.

    Raises
    ------
    InvalidInput
        There is none, or it cannot be read.
    """
    try:
        manifest = _MANIFEST.validate_json((folder / MANIFEST).read_bytes())
        documents = _read_all(folder / DOCUMENTS)
        exchanges = _read_all(folder / WIRE) if (folder / WIRE).exists() else ()
    except OSError as error:
        raise InvalidInput(
            f"capture {folder}: {error.filename}: {error.strerror}; name a folder of --record"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"capture {folder / MANIFEST}: {where} {first['msg']}") from error
    return Capture(manifest, documents, exchanges)


def _read_all(path: Path) -> Documents:
    try:
        lines = path.read_text().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"capture {path} is no text in UTF-8 ({error.reason} at byte {error.start})") from error
    return [_read(path, number, line) for number, line in enumerate(lines, 1)]


def _read(path: Path, number: int, line: str) -> tuple[str, Any]:
    try:
        told = json.loads(line, parse_float=Decimal)
        subject, document = told["subject"], told["document"]
        if not isinstance(subject, str):
            raise TypeError("the subject is no text")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(f"capture {path}, line {number}: not a document with its subject ({error})") from error
    return subject, document


def _lines(documents: Documents) -> str:
    return "".join(exact_json({"subject": subject, "document": document}) + "\n" for subject, document in documents)


def exact_json(value: object) -> str:
    """Return JSON on one line, decimal numbers written as they are."""
    return _EXACT.sub(r"\1", json.dumps(value, default=lambda told: f"\0{told}".lower(), ensure_ascii=True))
