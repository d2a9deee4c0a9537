"""Captures on the command line: documents that were seen, given away redacted, and read again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.captures import (
    Capture,
    Manifest,
    check_folder,
    lines_of,
    read_capture,
    write_capture,
)
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.installed import load_of_platform
from quant_platform_kit.cli.contact_table import show_contact
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import console, some, table
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.errors import InvalidInput, QuantError
from quant_platform_kit.services.operate.contact.checklist import contact_of
from quant_platform_kit.services.operate.contact.documents import misread_of
from quant_platform_kit.services.operate.contact.reading import Asked, Met, read
from quant_platform_kit.services.operate.contact.recording import recorded
from quant_platform_kit.services.operate.contact.replaying import Replayed, asked_of, replay, symbols_of
from quant_platform_kit.services.operate.contact.result import Contact
from quant_platform_kit.services.record.seen import Seen

__all__ = [
    "ENTRY_POINTS",
    "STANDS",
    "RecordOption",
    "ScaleOption",
    "YesOption",
    "asked_again",
    "offer",
    "record",
    "replay_command",
    "replayed",
    "served",
]

ENTRY_POINTS = "quant.readings"
"""Entry point group: an app's ``TABLES``, ``READERS`` and, where it keeps that, ``WIRE``, by its platform."""
STANDS = "quant.replays"
"""Entry point group: each loads what serves a capture to the platform's client library, and is given the capture."""

RecordOption = Annotated[
    Path | None,
    typer.Option(
        "--record", metavar="DIR", help="Write what was seen, redacted, into a new folder, after it was shown."
    ),
]
ScaleOption = Annotated[
    int,
    typer.Option(
        "--scale", min=1, max=1_000_000, metavar="N", help="Multiply amounts and quantities of --record, never prices."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Write --record without asking, after it was shown.")]


def record(folder: Path, about: Manifest, seen: Seen, listed: Collection[str], *, yes: bool) -> bool:
    """Offer what was seen as a capture; return whether it was written.

    Parameters
    ----------
    about
        What the documents came from; in which ways they are other than believed is added.
    seen
        It has to keep documents from before the first one.
    listed
        Symbols of listed instruments, as the documents write them.
    """
    found = recorded(seen, listed, about.scale)
    capture = Capture(replace(about, differences=found.differences), found.documents, found.exchanges)
    return offer(folder, capture, yes=yes)


def offer(folder: Path, capture: Capture, *, yes: bool) -> bool:
    """Show all that would be in a folder, and write it when the user says so; return whether it was written.

    Raises
    ------
    InvalidInput
        There is something in the folder.
    """
    check_folder(folder)
    for name, content in lines_of(capture).items():
        console().print(f"[bold]{escape(str(folder / name))}[/bold]")
        console().print(escape(content), soft_wrap=True)
    if not (yes or typer.confirm(f"write this into {folder}?")):
        say("nothing was written")
        return False
    write_capture(folder, capture)
    say(f"{len(capture.documents)} documents are in {folder}")
    return True


def replayed(capture: Capture) -> Replayed:
    """Read a capture as its platform's app does; raises `InvalidInput` where that is not installed."""
    reading: Any = load_of_platform(ENTRY_POINTS, capture.manifest.platform, "reading of documents")
    return replay(capture.documents, reading.TABLES, reading.READERS)


def served(capture: Capture) -> AbstractContextManager[Met]:
    """Return the account of a capture as its stand serves it; raises `InvalidInput` where nothing does."""
    serve: Callable[[Capture], AbstractContextManager[Met]] = load_of_platform(
        STANDS, capture.manifest.platform, "stand that serves captures"
    )
    return serve(capture)


def asked_again(capture: Capture) -> Asked:
    """Return what a checklist of a capture is about: all symbols that it tells of."""
    reading: Any = load_of_platform(ENTRY_POINTS, capture.manifest.platform, "reading of documents")
    tables = (*reading.TABLES, *getattr(reading, "WIRE", ()))
    symbols = symbols_of([*capture.documents, *capture.exchanges], tables)
    return asked_of(capture.manifest.platform, symbols, load_calendar("XNYS"))


def looked_at(capture: Capture) -> Contact:
    """Look at the account of a capture; raises `InvalidInput` where no stand serves it."""
    about = capture.manifest
    made = datetime.combine(about.made, time(), UTC)
    try:
        with served(capture) as met:
            return contact_of(read(met, asked_again(capture), made), about.library, about.version)
    except QuantError as error:
        raise InvalidInput(str(error)) from error
    except Exception as error:  # a capture of an unknown make may break whatever serves it
        raise InvalidInput(f"the capture cannot be served ({type(error).__name__}: {error})") from error


def replay_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that --record made.")],
    json: JsonOption = False,
) -> None:
    """Read a capture again as its app reads it; exit 1 if a document cannot be read, or differs as it did not then.

    Where the sandbox is installed, its stand says what is in the capture to the client library, and the checklist of a
    contact is made of that.
    """
    capture = read_capture(folder)
    found = replayed(capture)
    try:
        contact, alone = looked_at(capture), ""
    except InvalidInput as error:
        contact, alone = None, str(error)
    misread = misread_of(contact) if contact else ()
    new = sorted({*found.texts, *misread} - {*capture.manifest.differences})
    gone = sorted({*capture.manifest.differences} - {*found.texts})
    if json:
        print_json(
            {
                "platform": capture.manifest.platform,
                "documents": dict(found.counts),
                "differences": list(found.texts),
                "new": new,
                "gone": gone,
                "unreadable": [{"subject": subject, "why": why} for subject, why in found.unreadable],
                "unknown_subjects": list(found.strangers),
                "checklist": contact.document()["lines"] if contact else None,
                "documents_alone": alone,
            }
        )
    else:
        _show(capture, found)
        show_contact(contact) if contact else say(escape(f"no checklist: {alone}"))
    wrong = [*found.strangers, *(f"{subject}: {why}" for subject, why in found.unreadable), *new, *gone]
    if wrong:
        raise typer.Exit(complain(f"not as it was recorded: {some(wrong)}", 1))


def _show(capture: Capture, found: Replayed) -> None:
    manifest = capture.manifest
    title = f"{manifest.platform}, {manifest.library} {manifest.version}, {manifest.made}"
    shown = table(title, "documents", "how many", "not readable", right=("how many", "not readable"))
    for subject, count in sorted(found.counts.items()):
        unreadable = sum(subject == other for other, _ in found.unreadable)
        shown.add_row(escape(subject), str(count), str(unreadable) if unreadable else "-")
    console().print(shown)
    for text in found.texts:
        say(escape(text))
    for subject, why in found.unreadable:
        say(escape(f"{subject}: {why}"))
