"""What leads to what: spans of work, each part of the trace that its trigger or its quote began."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["NOT_TRACED", "Span", "Tracer", "Untraced"]


class Span(Protocol):
    """A piece of work, from where its context is entered until it is left."""

    def note(self, **values: str | int) -> None:
        """Say more of it; secrets are taken out."""
        ...


class Tracer(Protocol):
    """Where spans go. A collector that is down costs spans, and never the work."""

    @property
    def is_on(self) -> bool:
        """Whether anything is traced at all; whoever would work for it alone asks first."""
        ...

    def span(self, name: str, parent: str = "", /, **values: str | int) -> AbstractContextManager[Span]:
        """Begin a span, in what this thread or task has open.

        Parameters
        ----------
        parent
            W3C ``traceparent`` of the span that led to it, where that is in another process; what cannot be read as
            one begins a trace.
        values
            What is said of it, as by `Span.note`.
        """
        ...

    def here(self) -> str:
        """Return the W3C ``traceparent`` of the span that is open; empty where none is."""
        ...

    def close(self) -> None:
        """Send what is left, within seconds."""
        ...


class Untraced:
    """Traces nothing."""

    is_on = False

    @contextmanager
    def span(self, name: str, parent: str = "", /, **values: str | int) -> Generator[Span]:
        """Begin nothing."""
        del name, parent, values
        yield self

    def note(self, **values: str | int) -> None:
        """Pass by what is said."""

    def here(self) -> str:
        """Return nothing."""
        return ""

    def close(self) -> None:
        """Have nothing to send."""


NOT_TRACED = Untraced()
"""For whoever traces nothing."""
