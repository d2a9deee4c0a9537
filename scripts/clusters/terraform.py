"""Terraform files, as python-hcl2 reads them: no provider and no network is needed."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import hcl2
from lark.exceptions import LarkError

__all__ = ["OPEN_TO_ALL", "faults"]

ANYBODY = ("0.0.0.0/0", "::/0", "allUsers", "allAuthenticatedUsers")
OPEN_TO_ALL = frozenset({"hcloud_firewall.cluster: icmp"})
"""What may be open to everybody: echo and path MTU. Nothing that listens."""
USED = re.compile(r"\bvar\.([A-Za-z0-9_]+)")


def faults(folder: Path) -> list[str]:
    """Return a line for each fault of a root module: no HCL, variables that are not declared or used, open to all."""
    found: list[str] = []
    parsed: dict[str, dict[str, Any]] = {}
    texts = {file.name: file.read_text("utf-8") for file in sorted(folder.glob("*.tf"))}
    for name, text in texts.items():
        try:
            parsed[name] = _parsed(text)
        except LarkError as error:
            found.append(f"{folder.name}/{name}: no HCL: {str(error).splitlines()[0]}")
    if found:
        return found
    declared = {_bare(name) for document in parsed.values() for each in document.get("variable", []) for name in each}
    used = {name for text in texts.values() for name in USED.findall(_without_comments(text))}
    found += [f"{folder.name}: variable {name} is used and not declared" for name in sorted(used - declared)]
    found += [f"{folder.name}: variable {name} is declared and not used" for name in sorted(declared - used)]
    found += [f"{folder.name}/{name}: {line}" for name, document in parsed.items() for line in _open(document)]
    return found


@functools.cache
def _parsed(text: str) -> dict[str, Any]:
    return cast(dict[str, Any], hcl2.loads(text))


def _open(document: dict[str, Any]) -> Iterator[str]:
    """Yield what is open to everybody and not in the list."""
    for entry in document.get("resource", []):
        for kind, named in entry.items():
            for name, body in named.items():
                resource = f"{_bare(kind)}.{_bare(name)}"
                for where in dict.fromkeys(_opened(body)):
                    if f"{resource}: {where}" not in OPEN_TO_ALL:
                        yield f"{resource} is open to everybody ({where}), which clusters/terraform.py does not list"


def _opened(value: Any, where: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        body = cast(dict[str, Any], value)
        here = _bare(str(body.get("protocol", ""))) + (f" {_bare(str(body['port']))}" if "port" in body else "")
        for each in body.values():
            yield from _opened(each, here or where)
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _opened(each, where)
    elif isinstance(value, str) and any(word in value for word in ANYBODY):
        yield where or value


def _bare(text: str) -> str:
    return text.strip('"')


def _without_comments(text: str) -> str:
    return re.sub(r"^\s*(#|//).*$", "", text, flags=re.MULTILINE)
