"""The environment of a service: what it has, what a bundle makes of it, and the difference in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.redaction import HIDDEN

from quant_release.bundle import Secret, Service

__all__ = ["Change", "Environment", "Variable", "changes", "is_live", "public", "switched", "with_value"]

IMAGE, PROFILE, LIVE = "IMAGE", "STRATEGY_PROFILE", "LIVE_TRADING"
_SNAPSHOT_ONLY = ("_FEATURE_SNAPSHOT_PATH", "_FEATURE_SNAPSHOT_MANIFEST_PATH", "_STRATEGY_CONFIG_PATH")
_RECONCILIATION, _DRY_RUN = "_RECONCILIATION_OUTPUT_PATH", "_DRY_RUN_ONLY"
_PUBLIC_ENDINGS = (*_SNAPSHOT_ONLY, _RECONCILIATION, _DRY_RUN, "_SECRET_NAME", "_SECONDS", "_MINUTES")
_PUBLIC = frozenset(
    "ACCOUNT_PREFIX ACCOUNT_REGION ALLOCATION_FRACTION CLOUD_RUN_SERVICE ENTER_NOW HANDOVER IMAGE LIVE_TRADING "
    "LOG_FORMAT MAX_ORDER_NOTIONAL MAX_PRICE_MOVE MAX_TURNOVER MAX_WEIGHT OIDC_AUDIENCE OIDC_READERS "
    "OIDC_SERVICE_ACCOUNT PRICE_BASIS PRICE_JUMP PRICE_JUMP_ALONE STRATEGY_CONFIG STRATEGY_PROFILE".split()
)
"""Settings that hold no secret, by name; of every other one only a fingerprint is shown or kept."""
_SHORTEST_SECRET = 8
ROTATING = "latest"
"""What Google calls the newest version of a secret."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting of a service: a value, or a reference to a version of a secret."""

    name: str
    value: str | None = None
    secret: str | None = None
    version: str | None = None

    @property
    def may_be_secret(self) -> bool:
        """Whether its value is to be kept out of every text: not that of a switch or a small number."""
        return self.value is not None and not public(self.name) and len(self.value) >= _SHORTEST_SECRET

    @property
    def text(self) -> str:
        """The setting for people and journals; a value that may be secret is not in it."""
        if self.secret is not None:
            return f"{self.secret.rpartition('/')[2]}:{self.version} of Secret Manager"
        return repr(self.value) if public(self.name) else HIDDEN

    @property
    def spoken(self) -> str:
        """The setting for people, as a bundle that they can read has it."""
        return self.text if self.secret is not None else repr(self.value)

    @property
    def print(self) -> str:
        """The setting, or a fingerprint of a value that may be secret: equal only if the settings are."""
        if self.secret is None and not public(self.name):
            return f"a value with fingerprint {sha256(f'{self.name}={self.value}'.encode())[:12]}"
        return self.text


Environment = Sequence[Variable]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one setting; None where it is not set."""

    name: str
    before: Variable | None
    after: Variable | None

    @property
    def text(self) -> str:
        """The change as a line of a diff; values that may be secret are not in it."""
        return self._line(None if self.after is None else self.after.text)

    @property
    def spoken(self) -> str:
        """The same of a change that a bundle makes: what the bundle says is no secret."""
        return self._line(None if self.after is None else self.after.spoken)

    def _line(self, after: str | None) -> str:
        before = None if self.before is None else self.before.text
        if after is None:
            return f"-{self.name}={before}"
        return f"+{self.name}={after}" if before is None else f"~{self.name}={before} -> {after}"


def public(name: str) -> bool:
    """Whether the value of a setting is no secret, whatever it is."""
    return name in _PUBLIC or name.endswith(_PUBLIC_ENDINGS)


def with_value(environment: Environment, *variables: Variable) -> tuple[Variable, ...]:
    """Return an environment with some settings changed where they stand, or added at its end."""
    new = {one.name: one for one in variables}
    kept = tuple(new.pop(one.name, one) for one in environment)
    return (*kept, *new.values())


def switched(environment: Environment, service: Service, input_mode: str | None) -> tuple[Variable, ...]:
    """Return the complete environment that a bundle makes of one.

    Parameters
    ----------
    input_mode
        ``direct`` or ``snapshot``, of the profile that the bundle names; None if it names none.
    """
    wanted = {one.name: one for one in _wanted(service)}
    stale = () if input_mode is None else (*_SNAPSHOT_ONLY, _RECONCILIATION)
    kept = [one for one in environment if one.name in wanted or not one.name.endswith(stale)]
    return with_value(kept, *wanted.values())


def _wanted(service: Service) -> Iterable[Variable]:
    """Yield the settings that a bundle names."""
    texts: dict[str, str | None] = {
        PROFILE: service.profile,
        "ACCOUNT_PREFIX": service.account_prefix,
        "ACCOUNT_REGION": service.account_region,
    }
    if service.snapshot is not None:
        prefix = service.platform.upper()
        texts |= {
            f"{prefix}_FEATURE_SNAPSHOT_PATH": service.snapshot.path,
            f"{prefix}_FEATURE_SNAPSHOT_MANIFEST_PATH": service.snapshot.manifest,
            f"{prefix}_STRATEGY_CONFIG_PATH": service.snapshot.strategy_config,
            f"{prefix}{_RECONCILIATION}": service.snapshot.reconciliation_output,
        }
    for key, value in (texts | dict(service.flags)).items():
        if value is not None:
            yield Variable(key, value)
    for key, secret in service.secrets.items():
        yield _reference(key, secret)


def _reference(name: str, secret: Secret | str) -> Variable:
    if isinstance(secret, str):
        return Variable(name, secret)
    return Variable(name, secret=secret.secret, version=ROTATING if secret.version == "rotating" else secret.version)


def changes(before: Environment, after: Environment) -> list[Change]:
    """Return what differs between two environments, by name."""
    old, new = _by_name(before), _by_name(after)
    return [
        Change(name, old.get(name), new.get(name)) for name in sorted({*old, *new}) if old.get(name) != new.get(name)
    ]


def is_live(environment: Environment, platform: str) -> bool:
    """Whether a service with this environment may trade live: both switches are set, or one is not to be read here."""
    known = _by_name(environment)
    live, dry = known.get(LIVE), known.get(f"{platform.upper()}{_DRY_RUN}")
    return not (_says(live, "false", absent=True) or _says(dry, "true", absent=True))


def _says(variable: Variable | None, text: str, *, absent: bool) -> bool:
    if variable is None or variable.value == "":
        return absent
    return variable.value is not None and variable.value.strip().lower() in (text, {"true": "1", "false": "0"}[text])


def _by_name(environment: Environment) -> Mapping[str, Variable]:
    return {one.name: one for one in environment}
