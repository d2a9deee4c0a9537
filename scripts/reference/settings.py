"""docs/reference/settings.md, made out of the settings themselves."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from checkout import ROOT, Checkout, Member
from pydantic.fields import FieldInfo
from quant_platform_kit.adapters.platforms import platforms
from quant_platform_kit.runtime.settings import CLOSE, SHORTEST_TOKEN, ServiceSettings

from reference.fields import default, values
from reference.markdown import table

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
        platform = app.folder.name
        if app.is_app and platform in titles:
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
    rows = [(f"`{name.upper()}`", default(field), values(field), field.description or "") for name, field in fields]
    return table(("setting", "default", "values", "meaning"), rows)
