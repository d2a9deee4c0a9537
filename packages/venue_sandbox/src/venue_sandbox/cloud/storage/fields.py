"""Partial answers: the ``fields`` parameter."""

from __future__ import annotations

from typing import Any

from venue_sandbox.cloud.storage.errors import ApiError, invalid

__all__ = ["select"]

Tree = dict[str, "Tree"]
"""The fields to show and, below each, those of its value; an empty tree shows all of it."""


def select(document: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """Return what a ``fields`` parameter such as ``items(name,size),nextPageToken`` leaves of a document.

    Raises
    ------
    ApiError
        400: it cannot be read.
    """
    if not fields:
        return document
    tree, rest = _read(fields)
    if rest:
        raise _unreadable(fields)
    return _cut(document, tree)


def _read(text: str) -> tuple[Tree, str]:
    """Read one level; return it and what follows it."""
    tree: Tree = {}
    while True:
        end = next((place for place, letter in enumerate(text) if letter in ",()"), len(text))
        name, rest = text[:end].strip(), text[end:]
        if not name:
            raise _unreadable(text)
        tree[name] = {}
        if rest.startswith("("):
            tree[name], rest = _read(rest[1:])
            if not rest.startswith(")"):
                raise _unreadable(text)
            rest = rest[1:]
        if not rest.startswith(","):
            return tree, rest
        text = rest[1:]


def _cut(value: Any, tree: Tree) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_cut(entry, tree) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, dict):
        return value
    return {name: _cut(value[name], below) for name, below in tree.items() if name in value}


def _unreadable(fields: str) -> ApiError:
    return invalid(f"Invalid field selection {fields}")
