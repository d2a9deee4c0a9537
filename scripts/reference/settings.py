"""docs/reference/settings.md, made out of the settings themselves."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from checkout import ROOT, Checkout, Member
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from quant_platform_kit.adapters.platforms import platforms
from quant_platform_kit.runtime.settings import CLOSE, SHORTEST_TOKEN, ServiceSettings

from reference.markdown import table

KINDS = {bool: "`true` or `false`", int: "whole number", float: "number", Decimal: "number", str: "text", Path: "path"}
SIGNS = {Ge: ("ge", "at least"), Gt: ("gt", "more than"), Le: ("le", "at most"), Lt: ("lt", "less than")}
PROSE = f"""\
A service reads its settings from the environment once, when it starts. One that cannot be meant ends the start with
status 1 and one line that names the setting, its value, the bound and what to do. These cannot be meant:

- a setting that is required and missing; an empty one counts as missing;
- a value out of its bounds;
- a name that is no setting and either begins as only settings do (`OIDC_`, `NOTIFY_`, `STRATEGY_`, the platform's own
  prefix and the like) or is {CLOSE:.0%} the name of one: a misspelt limit would be no limit;
- `STORE_URL` or `REPORT_STORE_URL` that is the address of no store, `NOTIFY_URLS` that are no URLs, `OIDC_CERTS_URL`
  without https other than on this machine;
- `OIDC_AUDIENCE` without `OIDC_SERVICE_ACCOUNT`, or `OIDC_SERVICE_ACCOUNT` or `OIDC_READERS` without `OIDC_AUDIENCE`;
- a profile that is not installed, not enabled for the platform, or not to be configured as `STRATEGY_CONFIG` says.

Stores, brokers and price files need not answer when a service starts: until they do, runs are answered 503, and so is
`/ready` while a store is missing.

**Secret** settings, the passwords in addresses, and every part of a notification URL of at least {SHORTEST_TOKEN}
characters that is no host name are replaced by `***` in every answer, page, log line, notification and error.\
"""
PAPER_PROSE = """\
`LEASE_SECONDS` has to be more than two answers of the venue may take, and more than one answer and the visibility \
window: with less no order could ever be sent.\
"""
NOTES = {"paper": PAPER_PROSE}
"""What is said of a platform below its settings."""


def page() -> str:
    """Return the page."""
    parts = [
        "# Settings",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is "
        "out of date.",
        PROSE,
        "## Every service",
        _table(ServiceSettings.model_fields.items()),
    ]
    titles = {platform.name: platform.display_name for platform in platforms(ROOT)}
    for app in Checkout(ROOT).members:
        if app.is_app:
            platform = app.folder.name
            parts += [f"## {titles[platform]}", *(_table(_own(kind)) for kind in _settings(app))]
            parts += [NOTES[platform]] if platform in NOTES else []
    return "\n\n".join(parts) + "\n"


def _settings(app: Member) -> Iterable[type[ServiceSettings]]:
    """Yield the settings of each service of an app."""
    for package in app.packages:
        module = import_module(f"{package}.settings")
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, ServiceSettings) and kind.__module__ == module.__name__:
                yield kind


def _own(kind: type[ServiceSettings]) -> Iterable[tuple[str, FieldInfo]]:
    """Yield the fields that an app adds or changes."""
    for name, field in kind.model_fields.items():
        known = ServiceSettings.model_fields.get(name)
        if known is None or (known.default, known.description) != (field.default, field.description):
            yield name, field


def _table(fields: Iterable[tuple[str, FieldInfo]]) -> str:
    rows = [(f"`{name.upper()}`", _default(field), _values(field), field.description or "") for name, field in fields]
    return table(("setting", "default", "values", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in (None, "", ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _values(field: FieldInfo) -> str:
    kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not NoneType]
    if get_origin(field.annotation) is Literal:
        return _choices(get_args(field.annotation))
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choices([member.value for member in kind])
    if get_origin(field.annotation) is tuple:
        return "texts"
    word = "**secret**" if kind is SecretStr else KINDS[kind]
    return ", ".join([word, *_bounds(field)])


def _choices(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _bounds(field: FieldInfo) -> Iterable[str]:
    for bound in field.metadata:
        if type(bound) in SIGNS:
            attribute, words = SIGNS[type(bound)]
            yield f"{words} {getattr(bound, attribute)}"
        elif isinstance(bound, MinLen):
            yield f"at least {bound.min_length} characters"
        elif pattern := getattr(bound, "pattern", None):
            yield f"as `{pattern}`"
