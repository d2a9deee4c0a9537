"""The JSON document of a job: which fields there are, and how an update replaces some of them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, cast

from venue_sandbox.cloud.rest import ApiError, invalid

__all__ = ["Document", "Fields", "normal", "updated"]

Document = dict[str, Any]
Tree = Mapping[str, "Tree | None"]

HEADERS = "headers"
TOKEN: Tree = {"serviceAccountEmail": None, "audience": None}
TARGET: Tree = {
    "uri": None,
    "httpMethod": None,
    HEADERS: None,
    "body": None,
    "oidcToken": TOKEN,
    "oauthToken": {"serviceAccountEmail": None, "scope": None},
}
RETRIES: Tree = {
    "retryCount": None,
    "maxRetryDuration": None,
    "minBackoffDuration": None,
    "maxBackoffDuration": None,
    "maxDoublings": None,
}
SETTABLE: Tree = {
    "name": None,
    "description": None,
    "schedule": None,
    "timeZone": None,
    "httpTarget": TARGET,
    "retryConfig": RETRIES,
    "attemptDeadline": None,
}
OUTPUT_ONLY = frozenset({"userUpdateTime", "state", "status", "scheduleTime", "lastAttemptTime"})
UNSERVED = frozenset({"pubsubTarget", "appEngineHttpTarget"})


class Fields:
    """One object of a document, and where in the document it is."""

    def __init__(self, values: Document, path: str = "") -> None:
        self._values = values
        self._path = path

    def get(self, name: str) -> Any:
        """Return a field's value; None if it is left out."""
        return self._values.get(name)

    def path(self, name: str) -> str:
        """Return a field's full name."""
        return f"{self._path}{name}"

    def text(self, name: str, default: str = "") -> str:
        """Return a field that is a text."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise invalid(self.path(name), value, "it is a text")
        return value

    def number(self, name: str, default: int, most: int) -> int:
        """Return a field that is a whole number from 0 on."""
        value = self._values.get(name, default)
        if type(value) is not int or not 0 <= value <= most:
            raise invalid(self.path(name), value, f"it is a whole number from 0 to {most}")
        return value

    def child(self, name: str) -> Fields | None:
        """Return a field that is an object; None if it is left out."""
        values = self._values.get(name)
        return None if values is None else Fields(values, f"{self.path(name)}.")


def normal(document: object) -> Document:
    """Return a job's document with the JSON names of its fields, without what is null or output only.

    Raises
    ------
    ApiError
        It is not a job's document, or has fields that a job has not.
    """
    return {name: value for name, value in _normal(document, SETTABLE, "").items() if name not in OUTPUT_ONLY}


def _normal(document: object, tree: Tree, path: str) -> Document:
    if not isinstance(document, dict):
        raise invalid(path.rstrip(".") or "job", document, "it is a JSON object")
    made: Document = {}
    for key, value in cast(Document, document).items():
        name = _camel(key)
        if path + name in UNSERVED:
            raise ApiError(400, "INVALID_ARGUMENT", f"{path}{name} is not served: a job here has an httpTarget.")
        if name not in tree and not (path == "" and name in OUTPUT_ONLY):
            raise ApiError(400, "INVALID_ARGUMENT", f'Unknown name "{key}" at "{path.rstrip(".") or "job"}".')
        children = tree.get(name)
        if value is not None:
            made[name] = value if children is None else _normal(value, children, f"{path}{name}.")
    return made


def updated(document: Document, changes: Document, mask: str | None) -> Document:
    """Return a job's document with the fields that a mask names taken from another one.

    Parameters
    ----------
    document
        The document as it is.
    changes
        Where the new values are; a field it leaves out is reset.
    mask
        Names of fields with commas between; None for every field that ``changes`` has.
    """
    made = copy.deepcopy(document)
    for name in list(changes) if mask is None else mask.split(","):
        path = [_camel(part) for part in name.strip().split(".")]
        if path[0] not in OUTPUT_ONLY | {"name"}:
            _check_path(path, name)
            _replace(made, changes, path)
    return made


def _check_path(path: list[str], name: str) -> None:
    tree: Tree | None = SETTABLE
    for part in path:
        if tree is None or part not in tree:
            raise invalid("updateMask", name, "a job has no such field")
        tree = tree[part]


def _replace(document: Document, changes: Document, path: list[str]) -> None:
    *parents, last = path
    for part in parents:
        document, changes = document.setdefault(part, {}), changes.get(part, {})
    if last in changes:
        document[last] = changes[last]
    else:
        document.pop(last, None)


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)
