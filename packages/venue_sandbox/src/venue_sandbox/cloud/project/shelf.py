"""The resources of a project by kind and full name, each a JSON document with a number that changes with it."""

from __future__ import annotations

import base64
import copy
import json
import re
import sqlite3
from typing import Any, cast

from aiohttp import web

from venue_sandbox.cloud.rest import ApiError, invalid, page_size

__all__ = ["Document", "Shelf", "checked", "listed"]

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, name)
);
"""
MOST_ENTRIES = 1000


class Shelf:
    """The resources.

    Parameters
    ----------
    database
        Where they are kept.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(SCHEMA)

    def create(self, kind: str, name: str, document: Document) -> Document:
        """Keep a new resource; 409 if there is one of that name."""
        row = (kind, name, 1, json.dumps(document))
        made = self._database.execute("INSERT INTO resources VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
        if not made.rowcount:
            raise ApiError(409, "ALREADY_EXISTS", f"{kind} {name} already exists.")
        return self.get(kind, name)

    def get(self, kind: str, name: str) -> Document:
        """Return a resource with its etag."""
        found = self._database.execute(
            "SELECT version, document FROM resources WHERE kind = ? AND name = ?", (kind, name)
        ).fetchone()
        if found is None:
            raise ApiError(404, "NOT_FOUND", f"{kind} {name} was not found.")
        return {**json.loads(found[1]), "etag": _etag(found[0])}

    def put(self, kind: str, name: str, document: Document) -> Document:
        """Replace a resource; the etag that the new one brings must be that of the old one."""
        before = self.get(kind, name)
        if document.get("etag") not in (None, "", before["etag"]):
            raise ApiError(409, "ABORTED", f"{kind} {name} was changed meanwhile; read it again.")
        kept = {key: value for key, value in document.items() if key != "etag"}
        if kept != {key: value for key, value in before.items() if key != "etag"}:
            self._database.execute(
                "UPDATE resources SET version = version + 1, document = ? WHERE kind = ? AND name = ?",
                (json.dumps(kept), kind, name),
            )
        return self.get(kind, name)

    def delete(self, kind: str, name: str) -> Document:
        """Forget a resource; return what it was."""
        found = self.get(kind, name)
        self._database.execute("DELETE FROM resources WHERE kind = ? AND name = ?", (kind, name))
        return found

    def below(self, kind: str, parent: str) -> list[Document]:
        """Return the resources of a kind whose names begin with a parent's, in the order of their names."""
        rows = self._database.execute("SELECT name FROM resources WHERE kind = ? ORDER BY name", (kind,)).fetchall()
        return [self.get(kind, name) for (name,) in rows if name.startswith(f"{parent}/")]


def checked(document: object, path: str, fields: dict[str, object]) -> Document:
    """Return a JSON object whose fields are of the kinds that are named; refuse others.

    Parameters
    ----------
    fields
        By name a type, a compiled expression that a text fits, a set of texts, a list with what each entry is, or
        the fields of an object.
    """
    if not isinstance(document, dict):
        raise invalid(path, document, "it is a JSON object")
    made = copy.deepcopy(cast("Document", document))
    for name, value in made.items():
        if name not in fields:
            message = f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
            raise ApiError(400, "INVALID_ARGUMENT", message)
        _check(value, f"{path}.{name}", fields[name])
    return made


def _check(value: Any, path: str, kind: Any) -> None:
    if isinstance(kind, dict):
        checked(value, path, cast("dict[str, object]", kind))
        return
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise invalid(path, value, "it is a list")
        for number, each in enumerate(cast("list[Any]", value)):
            _check(each, f"{path}[{number}]", kind[0])
        return
    if isinstance(kind, type):
        fits, rule = kind is object or type(value) is kind, f"it is a {kind.__name__}"
    elif isinstance(kind, re.Pattern):
        written = cast("re.Pattern[str]", kind)
        fits, rule = isinstance(value, str) and written.fullmatch(value) is not None, f"it fits {written.pattern}"
    else:
        known = cast("set[str]", kind)
        fits, rule = value in known, f"it is one of {', '.join(sorted(known))}"
    if not fits:
        raise invalid(path, value, rule)


def listed(request: web.Request, field: str, entries: list[Document]) -> web.Response:
    """Return one page of a list; its token is where the next one begins."""
    token = request.query.get("pageToken") or "0"
    if not (token.isascii() and token.isdigit()):
        raise invalid("pageToken", token, "it is that of the page before")
    begin, size = int(token[:9]), page_size(request, MOST_ENTRIES)
    page: Document = {field: entries[begin : begin + size]}
    if begin + size < len(entries):
        page["nextPageToken"] = str(begin + size)
    return web.json_response(page)


def _etag(version: int) -> str:
    return base64.b64encode(f"resource/{version}".encode()).decode()
