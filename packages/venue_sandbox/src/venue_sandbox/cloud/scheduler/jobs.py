"""A job: what is called when, and what makes it valid."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from yarl import URL

from venue_sandbox.cloud.rest import ApiError, invalid
from venue_sandbox.cloud.scheduler.fields import Document, Fields
from venue_sandbox.cloud.scheduler.retries import Retries
from venue_sandbox.cloud.scheduler.schedule import Schedule
from venue_sandbox.cloud.values import duration_text, read_duration

__all__ = ["APIS", "Identity", "Job", "Target"]

NAME = re.compile(r"projects/[A-Za-z0-9:.-]+/locations/[A-Za-z0-9-]+/jobs/[A-Za-z0-9_-]{1,500}", re.ASCII)
METHODS = ("POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
APIS = frozenset({"run.googleapis.com"})
"""Hosts of Google's whose requests go to a server of the sandbox."""
CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
LONGEST_URI = 2083
LONGEST_DESCRIPTION = 500
HEADER_BYTES = 80 * 1024
MOST_RETRIES = 5
MOST_DOUBLINGS = 1000
DEADLINE_SECONDS = (15.0, 180.0, 1800.0)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the token of a request names, and for whom it is meant."""

    email: str
    audience: str


@dataclass(frozen=True, slots=True)
class Target:
    """The request that a job makes.

    Attributes
    ----------
    identity
        Of its identity token, if it has one.
    access
        The service account of its access token, if it has one: an API of Google's is called.
    """

    uri: str
    method: str
    headers: Mapping[str, str]
    body: bytes
    identity: Identity | None
    access: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its owner set it.

    Attributes
    ----------
    name
        Its full name, with project and location.
    deadline
        After how many seconds an attempt has failed.
    settings
        The document it was read from.
    """

    name: str
    schedule: Schedule
    target: Target
    retries: Retries
    deadline: float
    settings: Document

    @property
    def id(self) -> str:
        """Its name within project and location."""
        return self.name.rpartition("/")[2]

    @classmethod
    def read(cls, document: Document) -> Job:
        """Read a job from its document.

        Raises
        ------
        ApiError
            A field is missing, or has a value that it cannot have.
        """
        fields = Fields(document)
        name = fields.text("name")
        if not NAME.fullmatch(name):
            raise invalid("name", name, "a job's name is projects/PROJECT/locations/LOCATION/jobs/JOB")
        if len(fields.text("description")) > LONGEST_DESCRIPTION:
            raise invalid("description", document["description"], f"it has {LONGEST_DESCRIPTION} characters at most")
        schedule = Schedule(_required(fields, "schedule"), fields.text("timeZone") or "UTC")
        schedule.check()
        target = fields.child("httpTarget")
        if target is None:
            raise ApiError(400, "INVALID_ARGUMENT", "httpTarget is missing.")
        return cls(name, schedule, _target(target), _retries(fields), _deadline(fields), document)

    def document(self) -> Document:
        """Return its document, with what it was not given."""
        target, retries = dict(self.settings["httpTarget"]), self.retries
        target["httpMethod"] = self.target.method
        count = {"retryCount": retries.count} if retries.count else {}
        return {
            **self.settings,
            "timeZone": self.schedule.zone,
            "httpTarget": target,
            "retryConfig": {
                **count,
                "maxRetryDuration": duration_text(retries.max_duration),
                "minBackoffDuration": duration_text(retries.min_backoff),
                "maxBackoffDuration": duration_text(retries.max_backoff),
                "maxDoublings": retries.max_doublings,
            },
            "attemptDeadline": duration_text(self.deadline),
        }


def _required(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if not value:
        raise ApiError(400, "INVALID_ARGUMENT", f"{fields.path(name)} is missing.")
    return value


def _target(fields: Fields) -> Target:
    uri, method = _required(fields, "uri"), _method(fields)
    _check_uri(fields.path("uri"), uri)
    body = _body(fields)
    if body and method not in WITH_BODY:
        raise invalid(fields.path("body"), fields.get("body"), f"a {method} request has none")
    token = fields.child("oidcToken")
    identity = None
    if token is not None:
        identity = Identity(_required(token, "serviceAccountEmail"), token.text("audience") or uri)
    return Target(uri, method, _headers(fields), body, identity, _access(fields, uri))


def _access(fields: Fields, uri: str) -> str | None:
    """Return the account of an access token, which goes to Google's APIs alone."""
    token = fields.child("oauthToken")
    if token is None:
        return None
    if fields.get("oidcToken") is not None:
        raise invalid(fields.path("oauthToken"), "set", "a target has one kind of token, and oidcToken is set too")
    if token.text("scope") not in ("", CLOUD_SCOPE):
        raise invalid(token.path("scope"), token.get("scope"), f"{CLOUD_SCOPE} is served")
    if URL(uri).host not in APIS:
        raise invalid(fields.path("uri"), uri, f"an oauthToken goes to {', '.join(sorted(APIS))} alone")
    return _required(token, "serviceAccountEmail")


def _method(fields: Fields) -> str:
    """Return the method; Google's client writes its number, others its name."""
    value = fields.get("httpMethod")
    if value in (None, 0, "HTTP_METHOD_UNSPECIFIED"):
        return METHODS[0]
    if type(value) is int and 1 <= value <= len(METHODS):
        return METHODS[value - 1]
    if value not in METHODS:
        raise invalid(fields.path("httpMethod"), value, f"it is one of {', '.join(METHODS)}")
    return value


def _check_uri(field: str, uri: str) -> None:
    try:
        url = URL(uri)
        host, port = url.host, url.port
    except ValueError as error:
        raise invalid(field, uri, f"that is no URL: {error}") from error
    if url.scheme not in ("http", "https") or host is None or port == 0:
        raise invalid(field, uri, "it begins with http:// or https:// and a host")
    if host not in LOOPBACK and not (host in APIS and url.scheme == "https"):
        raise invalid(
            field, uri, "the sandbox calls nothing but 127.0.0.1, localhost, [::1] and https://run.googleapis.com"
        )
    if len(str(url)) > LONGEST_URI:
        raise invalid(field, uri, f"it has {LONGEST_URI} characters at most")


def _headers(fields: Fields) -> Mapping[str, str]:
    field, value = fields.path("headers"), fields.get("headers")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(field, value, "it is a JSON object")
    for name, text in cast(dict[str, Any], value).items():
        if not HEADER_NAME.fullmatch(name):
            raise invalid(field, name, "that is no name of a header")
        if not isinstance(text, str) or not HEADER_VALUE.fullmatch(text):
            raise invalid(f"{field}.{name}", text, "it is a text of one line")
    headers = cast(dict[str, str], value)
    size = sum(len(name.encode()) + len(text.encode()) for name, text in headers.items())
    if size >= HEADER_BYTES:
        raise invalid(field, f"{size} bytes", f"headers have less than {HEADER_BYTES}")
    return headers


def _body(fields: Fields) -> bytes:
    text = fields.text("body")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(fields.path("body"), text, f"it is base64 ({error})") from error


def _retries(fields: Fields) -> Retries:
    config, usual = fields.child("retryConfig") or Fields({}), Retries()

    def seconds(name: str, default: float) -> float:
        value = config.get(name)
        return default if value is None else read_duration(config.path(name), value)

    retries = Retries(
        config.number("retryCount", usual.count, MOST_RETRIES),
        seconds("maxRetryDuration", usual.max_duration),
        seconds("minBackoffDuration", usual.min_backoff),
        seconds("maxBackoffDuration", usual.max_backoff),
        config.number("maxDoublings", usual.max_doublings, MOST_DOUBLINGS),
    )
    for name, value in (("minBackoffDuration", retries.min_backoff), ("maxBackoffDuration", retries.max_backoff)):
        if value == 0:
            raise invalid(config.path(name), config.get(name), "it is longer than 0s")
    return retries


def _deadline(fields: Fields) -> float:
    value = fields.get("attemptDeadline")
    least, usual, most = DEADLINE_SECONDS
    seconds = usual if value is None else read_duration("attemptDeadline", value)
    if not least <= seconds <= most:
        raise invalid("attemptDeadline", value, f"it is from {least:g}s to {most:g}s")
    return seconds
