"""A checklist as a table."""

from __future__ import annotations

from rich.markup import escape

from quant_platform_kit.cli.output import console, table
from quant_platform_kit.services.operate.contact.result import Contact, State

__all__ = ["show_contact"]

STYLES = {State.GOOD: "green", State.NOT_TOLD: "dim", State.CAUTION: "yellow", State.BLOCKS: "red"}


def show_contact(contact: Contact) -> None:
    """Print what was found, line by line."""
    client = f", {contact.library} {contact.version}" if contact.library else ""
    shown = table(
        f"{contact.account} at {contact.platform}{client}", "subject", "state", "what was found", "what to do"
    )
    for line in contact.lines:
        style = STYLES[line.state]
        shown.add_row(
            escape(line.subject), f"[{style}]{line.state.value}[/{style}]", escape(line.said), escape(line.todo)
        )
    console().print(shown)
