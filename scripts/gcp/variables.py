"""The variables that Terraform and these scripts read: one file, and what each value must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gcp.apps import APPS, SECRET_SETTINGS, App

__all__ = ["Bucket", "Budget", "Refused", "Secret", "Service", "Site", "Snapshots", "read_site"]

Document = dict[str, Any]

PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
SERVICE = re.compile(r"[a-z][a-z0-9-]{4,24}[a-z0-9]", re.ASCII)
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", re.ASCII)
SECRET = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,255}:[1-9][0-9]{0,8}", re.ASCII)
IMAGE = re.compile(r"[a-z0-9][a-z0-9./:_-]*@sha256:[0-9a-f]{64}", re.ASCII)
REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+", re.ASCII)
CRON = re.compile(r"\S+( \S+){4}", re.ASCII)
MEMBER = re.compile(r"(user|group|serviceAccount):[^\s:]+@[^\s:]+", re.ASCII)
EMAIL = re.compile(r"[^\s@]+@[^\s@]+", re.ASCII)
AUDIENCE = re.compile(r"https://[^\s|]+", re.ASCII)
NAME = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
VALUE = re.compile(r"[^|\r\n\ud800-\udfff]*")
TEXT = re.compile(r"[A-Za-z][A-Za-z0-9-]*", re.ASCII)
ACCOUNT = re.compile(r"[0-9A-F]{6}(-[0-9A-F]{6}){2}", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
MOST_DAYS = 36_500


class Refused(Exception):
    """What was asked for cannot be meant, or cannot be done; the message is one line that says what to do."""


@dataclass(frozen=True)
class Bucket:
    """A bucket; ``days`` is for how long none of its objects may be replaced or deleted, 0 for no such time."""

    name: str
    location: str
    days: int = 0


@dataclass(frozen=True)
class Service:
    """A service of Cloud Run; ``schedule``, ``preflight`` and ``image`` may be missing.

    Attributes
    ----------
    bucket
        Where it keeps its store; None: in the ledger.
    settings
        Variables of its own, beside those of its app.
    secrets
        ``SECRET:VERSION`` by the names of variables.
    """

    name: str
    app: App
    region: str
    audience: str
    schedule: str | None
    preflight: str | None
    image: str | None
    bucket: str | None
    readers: tuple[str, ...]
    settings: Mapping[str, str]
    secrets: Mapping[str, str]


@dataclass(frozen=True)
class Secret:
    """A secret, and the services that read it and add versions to it."""

    name: str
    readers: tuple[str, ...]
    writers: tuple[str, ...]


@dataclass(frozen=True)
class Snapshots:
    """The job of feature snapshots; ``readers`` are services."""

    name: str
    region: str
    bucket: str
    sources: str
    schedule: str
    image: str | None
    readers: tuple[str, ...]


@dataclass(frozen=True)
class Budget:
    """What a month may cost before people are told."""

    billing_account: str
    amount: int
    currency: str


@dataclass(frozen=True)
class Site:
    """Everything that stands in a project.

    Attributes
    ----------
    buckets
        All of them, the ledger first and the reports second.
    repository
        Name and region of the repository of images.
    """

    project: str
    operators: tuple[str, ...]
    buckets: tuple[Bucket, ...]
    repository: tuple[str, str]
    services: tuple[Service, ...]
    secrets: tuple[Secret, ...]
    snapshots: Snapshots | None
    emails: tuple[str, ...]
    budget: Budget | None
    ledger: str = field(default="")
    reports: str = field(default="")

    def account(self, name: str) -> str:
        """Return the address of a service account of the project."""
        return f"{name}@{self.project}.iam.gserviceaccount.com"

    def store_of(self, service: Service) -> str:
        """Return the bucket in which a service keeps its store."""
        return service.bucket or self.ledger


def read_site(path: Path) -> Site:
    """Read a file of variables, ``NAME.tfvars.json``.

    Raises
    ------
    Refused
        It cannot be read, or a value cannot be meant.
    """
    try:
        document: object = json.loads(path.read_text("utf-8"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise Refused(f"{path}: {error}; it is JSON, as infra/terraform/gcp/example.tfvars.json shows") from error
    return _site(_Values(document, ""))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of the file; a name that is in it twice is refused, as one of its values would not count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found


class _Values:
    """One object of the file, and where in the file it is.

    Parameters
    ----------
    secret
        Whether what is wrong in it may be a secret that stands in the wrong place: it is not shown then.
    """

    def __init__(self, document: object, path: str, *, secret: bool = False) -> None:
        self._values, self.path, self._secret = cast("Document", document), path, secret
        if not isinstance(document, dict):
            raise Refused(f"{path or 'the file'} is {self._shown(document)}; write a JSON object")

    def only(self, *known: str) -> None:
        """Refuse names that are not known."""
        if unknown := sorted(set(self._values) - set(known)):
            raise Refused(f"{self._at(unknown[0])} is not known; write one of {', '.join(known)}, or leave it out")

    def text(self, name: str, kind: re.Pattern[str]) -> str:
        """Return a text that must be there."""
        value = self._values.get(name)
        if not isinstance(value, str) or not kind.fullmatch(value):
            raise Refused(f"{self._at(name)} is {self._shown(value)}; write a text that fits {kind.pattern}")
        return value

    def maybe(self, name: str, kind: re.Pattern[str]) -> str | None:
        """Return a text that may be missing."""
        return None if self._values.get(name) is None else self.text(name, kind)

    def whole(self, name: str, most: int) -> int:
        """Return a whole number from 1 on."""
        value = self._values.get(name)
        if type(value) is not int or not 1 <= value <= most:
            raise Refused(f"{self._at(name)} is {value!r}; write a whole number from 1 to {most}")
        return value

    def many(self, name: str, kind: re.Pattern[str]) -> tuple[str, ...]:
        """Return texts in order, none if they are missing."""
        value: object = [] if self._values.get(name) is None else self._values[name]
        if not isinstance(value, list):
            raise Refused(f"{self._at(name)} is {value!r}; write a list")
        for each in cast("list[object]", value):
            if not isinstance(each, str) or not kind.fullmatch(each):
                raise Refused(f"{self._at(name)} has {each!r}; write texts that fit {kind.pattern}")
        return tuple(sorted(set(cast("list[str]", value))))

    def texts(self, name: str, kind: re.Pattern[str], *, secret: bool = False) -> dict[str, str]:
        """Return texts by the names of variables, none if they are missing."""
        found = self.below(name, secret=secret)
        for key in found.names():
            if not NAME.fullmatch(key):
                raise Refused(f"{self._at(name)} has {key!r}; write names of settings, such as STRATEGY_PROFILE")
        return {key: found.text(key, kind) for key in sorted(found.names())}

    def below(self, name: str, *, secret: bool = False) -> _Values:
        """Return an object, empty if it is missing."""
        return _Values(self._values[name] if self.has(name) else {}, self._at(name), secret=secret)

    def has(self, name: str) -> bool:
        """Whether there is such a value."""
        return self._values.get(name) is not None

    def names(self) -> list[str]:
        """Return the names in the object."""
        return list(self._values)

    def _shown(self, value: object) -> str:
        return "something that is not shown, as it may be a secret" if self._secret else repr(value)

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _site(values: _Values) -> Site:
    values.only(
        *("project", "operators", "ledger", "reports", "images", "services", "secrets", "snapshots", "emails", "budget")
    )
    ledger, reports, images = values.below("ledger"), values.below("reports"), values.below("images")
    ledger.only("bucket", "location")
    reports.only("bucket", "location", "retention_days")
    images.only("repository", "region")
    project = values.text("project", PROJECT)
    services = tuple(
        _service(values.below("services").below(name), name, project) for name in _names(values, "services")
    )
    secrets = tuple(_secret(values.below("secrets").below(name), name) for name in _names(values, "secrets"))
    snapshots = _snapshots(values.below("snapshots")) if values.has("snapshots") else None
    buckets = [
        Bucket(ledger.text("bucket", BUCKET), ledger.text("location", TEXT)),
        Bucket(
            reports.text("bucket", BUCKET), reports.text("location", TEXT), reports.whole("retention_days", MOST_DAYS)
        ),
    ]
    buckets += [Bucket(each.bucket, buckets[0].location) for each in services if each.bucket]
    if snapshots is not None:
        location = values.below("snapshots").text("location", TEXT)
        buckets += [Bucket(snapshots.bucket, location), Bucket(snapshots.sources, location)]
    _check_names(services, secrets, snapshots, [each.name for each in buckets])
    return Site(
        project,
        values.many("operators", MEMBER),
        tuple(buckets),
        (images.text("repository", TEXT), images.text("region", REGION)),
        services,
        secrets,
        snapshots,
        values.many("emails", EMAIL),
        _budget(values.below("budget")) if values.has("budget") else None,
        buckets[0].name,
        buckets[1].name,
    )


def _names(values: _Values, field: str) -> list[str]:
    return sorted(values.below(field).names())


def _service(values: _Values, name: str, project: str) -> Service:
    values.only(
        "app", "region", "audience", "schedule", "preflight", "image", "bucket", "readers", "settings", "secrets"
    )
    if not SERVICE.fullmatch(name):
        raise Refused(f"{values.path}: write a name that fits {SERVICE.pattern}; its accounts are named after it")
    app = values.text("app", TEXT)
    if app not in APPS:
        raise Refused(f"{values.path}.app is {app!r}; write one of {', '.join(APPS)}")
    settings, secrets = values.texts("settings", VALUE), values.texts("secrets", REFERENCE, secret=True)
    own = APPS[app].settings
    if plain := sorted(SECRET_SETTINGS & set(settings)):
        raise Refused(f"{values.path}.settings: {plain[0]} is a secret; write it under secrets, as SECRET:VERSION")
    if twice := sorted(set(settings) & set(secrets) | (set(settings) | set(secrets)) & set(own)):
        raise Refused(f"{values.path} sets {twice[0]} twice; deploy/gcp/apps.json has it, or take one of the two away")
    if missing := sorted(set(APPS[app].needs) - set(settings) - set(secrets)):
        raise Refused(f"{values.path} lacks {missing[0]}; write it under settings, or under secrets as SECRET:VERSION")
    schedule, preflight = values.maybe("schedule", CRON), values.maybe("preflight", CRON)
    if preflight and APPS[app].path != "/run":
        raise Refused(f"{values.path}.preflight is {preflight!r}; {app} has no login to look at, take it away")
    if preflight and not schedule:
        raise Refused(f"{values.path}.preflight is {preflight!r} and schedule is missing; write when its runs are due")
    return Service(
        name,
        APPS[app],
        values.text("region", REGION),
        values.maybe("audience", AUDIENCE) or f"https://{name}.{project}.internal",
        schedule,
        preflight,
        values.maybe("image", IMAGE),
        values.maybe("bucket", BUCKET),
        values.many("readers", MEMBER),
        settings,
        secrets,
    )


def _secret(values: _Values, name: str) -> Secret:
    values.only("readers", "writers")
    if not SECRET.fullmatch(name):
        raise Refused(f"{values.path}: write a name that fits {SECRET.pattern}")
    return Secret(name, values.many("readers", SERVICE), values.many("writers", SERVICE))


def _snapshots(values: _Values) -> Snapshots:
    values.only("name", "region", "bucket", "sources", "location", "schedule", "readers", "image")
    bucket, sources = values.text("bucket", BUCKET), values.text("sources", BUCKET)
    return Snapshots(
        values.maybe("name", SERVICE) or "snapshots",
        values.text("region", REGION),
        bucket,
        sources,
        values.maybe("schedule", CRON) or "30 * * * *",
        values.maybe("image", IMAGE),
        values.many("readers", SERVICE),
    )


def _budget(values: _Values) -> Budget:
    values.only("billing_account", "amount", "currency")
    return Budget(
        values.text("billing_account", ACCOUNT), values.whole("amount", 10**9), values.text("currency", CURRENCY)
    )


def _check_names(
    services: Iterable[Service], secrets: Iterable[Secret], snapshots: Snapshots | None, buckets: list[str]
) -> None:
    """Refuse names that nothing has, and names that two things have."""
    owners = [each.name for each in services] + ([] if snapshots is None else [snapshots.name])
    accounts = [name for each in owners for name in (each, f"{each}-job")]
    if shared := sorted({name for name in accounts if accounts.count(name) > 1}):
        raise Refused(
            f"two accounts would be called {shared[0]!r}; a service and its job have one each: rename a service"
        )
    known, kept = {each.name for each in services}, {each.name: each for each in secrets}
    named = {f"secrets.{each.name}": {*each.readers, *each.writers} for each in secrets}
    if snapshots is not None:
        named["snapshots.readers"] = set(snapshots.readers)
    for where, names in named.items():
        if strangers := sorted(names - known):
            raise Refused(f"{where} names {strangers[0]}; write names of services: {', '.join(sorted(known))}")
    for service in services:
        for variable, reference in service.secrets.items():
            secret = reference.partition(":")[0]
            if secret not in kept or service.name not in kept[secret].readers:
                where = f"services.{service.name}.secrets.{variable}"
                raise Refused(f"{where} is {reference!r}; write {service.name} among the readers of secrets.{secret}")
    if twice := sorted({name for name in buckets if buckets.count(name) > 1}):
        raise Refused(f"two buckets are called {twice[0]!r}; write one name for each")
