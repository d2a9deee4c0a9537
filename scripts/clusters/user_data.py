"""What cloud-init is told, against cloud-init's own schema.

The schema comes out of Debian's package, which is unpacked and never installed: an installed cloud-init takes the
machine over at its next boot.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from venue_sandbox.servers.machine import CannotRun, Say
from venue_sandbox.servers.unpacked import unpacked

__all__ = ["NotHere", "example", "faults", "filled", "schema"]

SCHEMA = "usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json"
PINNED = "5b66b595fff85f4098f1cf1212e801e13b83026381155ef6df455247052272ef"
"""SHA-256 of the schema of cloud-init 22.4.2, Debian 12's."""
OTHERWISE = (
    "cloud-init's schema is in Debian's package cloud-init, which apt-get did not get: no package index is reachable"
)
VALUE = re.compile(r"\$\{([a-z0-9_]+)\}")


class NotHere(Exception):
    """The schema is not to be had here, and why."""


def schema(say: Say) -> dict[str, Any]:
    """Return the schema; it is fetched once and kept in .cache. Raises `NotHere`."""
    try:
        package = unpacked("cloud-init", ("cloud-init",), lambda _: None, say, otherwise=OTHERWISE)
    except CannotRun as error:
        raise NotHere(str(error)) from None
    content = (package.root / SCHEMA).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != PINNED:
        raise NotHere(f"the schema of this machine's cloud-init has the SHA-256 {digest}, not the pinned {PINNED}")
    return json.loads(content)


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a template of Terraform with values in place of ``${name}``; raise `ValueError` for a name without one."""
    if missing := sorted(set(VALUE.findall(template)) - values.keys()):
        raise ValueError(f"no value for {', '.join(missing)}")
    if "%{" in template or "${" in VALUE.sub("", template):
        raise ValueError("the template does more than to fill in names; compute values in Terraform")
    return VALUE.sub(lambda found: values[found[1]], template)


def example(template: Path) -> str:
    """Return user-data with an example in place of each value."""
    text = template.read_text("utf-8")
    return filled(text, dict.fromkeys(VALUE.findall(text), "ZXhhbXBsZQ=="))


def faults(file: str, text: str, wanted: dict[str, Any]) -> list[str]:
    """Return a line for each fault of user-data."""
    if not text.startswith("#cloud-config\n"):
        return [f"{file}: the first line is not #cloud-config"]
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [f"{file}: no YAML: {' '.join(str(error).split())}"]
    unknown = sorted(set(document) - _names(wanted)) if isinstance(document, dict) else []
    found = jsonschema.Draft4Validator(wanted).iter_errors(document)
    return [
        *(f"{file}: {name} is a key that cloud-init does not know" for name in unknown),
        *(f"{file}: {'.'.join(map(str, error.path)) or 'document'}: {error.message}" for error in found),
    ]


def _names(wanted: dict[str, Any]) -> set[str]:
    """Return the keys of all modules: the schema closes each module, and not the document."""
    modules = (wanted["$defs"][each["$ref"].rpartition("/")[2]] for each in wanted["allOf"])
    return {name for module in modules for name in module.get("properties", {})}
