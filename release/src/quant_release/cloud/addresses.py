"""What a service says at its addresses: which version runs there, whether it is ready, and what a probe finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from quant_platform_kit.ports.clock import Clock

from quant_release.cloud.calls import CloudError

__all__ = ["Addresses", "Caller", "Said"]

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_SECONDS, _PROBE_SECONDS = 30.0, 300.0
_LATE = (500, 502, 503, 504)
_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
_OK, _FORBIDDEN, _UNKNOWN, _ABSENT = 200, 403, 401, 404
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Said:
    """``/version`` of an address.

    Attributes
    ----------
    packages
        Commit by package that was installed from a tag; empty text where it came from elsewhere.
    halts
        The scopes of halts that the code obeys.
    """

    service: str
    revision: str
    commit: str
    image: str
    profile: str
    display_name: str
    input_mode: str
    packages: Mapping[str, str]
    halts: tuple[str, ...]
    stale: tuple[str, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Said:
        """Read a document; what an older version does not say is empty, and the profile of a service that runs none."""
        packages = cast("Mapping[str, Mapping[str, Any]]", document["packages"])
        return cls(
            *(str(document[name]) for name in ("service", "revision", "commit", "image")),
            *(str(document.get(name, "")) for name in ("profile", "display_name", "input_mode")),
            packages={name: str(one.get("commit") or "") for name, one in packages.items()},
            halts=tuple(map(str, document.get("halts", ()))),
            stale=tuple(map(str, document.get("stale_snapshot_settings", ()))),
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """A service account that calls a service, with an identity token."""

    account: str
    token: str


class Addresses:
    """Asks services. A token is sent to https only, and to this machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def version(self, address: str, caller: Caller) -> Said:
        """Return what runs at an address.

        Raises
        ------
        CloudError
            It does not say so: what it answers, and what whoever asks may lack.
        """
        document = self._document("GET", f"{address}/version", caller, _SECONDS)
        try:
            return Said.read(document)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise CloudError(f"{address}/version is answered with something that is no version") from None

    def require_ready(self, address: str, caller: Caller) -> None:
        """Make sure that a service is ready for its runs; `CloudError` if not."""
        self._document("GET", f"{address}/ready", caller, _SECONDS)

    def probe(self, address: str, caller: Caller) -> list[dict[str, Any]]:
        """Let a service run in mode probe, which can send no order; return the report of each account.

        Raises
        ------
        CloudError
            An account's run did not end.
        """
        document = self.require_probe(f"{address}/run", caller)
        try:
            runs = cast("list[dict[str, Any]]", document["runs"])
            for run in runs:
                if run["error"] is not None or run["report"] is None:
                    raise CloudError(f"the probe of account {run['account_id']} did not end: {run['error']}")
            return [{"account_id": run["account_id"], **run["report"]} for run in runs]
        except (KeyError, TypeError):
            raise CloudError(f"{address}/run is answered with something that is no report") from None

    def require_probe(self, url: str, caller: Caller) -> dict[str, Any]:
        """Let a service look at what its runs need, and return what it answers; `CloudError` if that is no 200."""
        headers = {"X-CloudScheduler-ScheduleTime": f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"}
        return self._document("POST", url, caller, _PROBE_SECONDS, json={"mode": "probe"}, headers=headers)

    def _document(self, method: str, url: str, caller: Caller, seconds: float, **more: Any) -> dict[str, Any]:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise CloudError(f"{url} is not https: no token is sent there")
        headers = {"Authorization": f"Bearer {caller.token}", "Accept": "application/json", **more.pop("headers", {})}
        for pause in (*_PAUSES, None):
            try:
                answer = requests.request(method, url, headers=headers, timeout=seconds, allow_redirects=False, **more)
            except requests.RequestException as error:
                if pause is None:
                    raise CloudError(f"{url}: no answer: {type(error).__name__}") from error
            else:
                if pause is None or answer.status_code not in _LATE:
                    return _read(url, answer, caller.account)
            self._clock.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _read(url: str, answer: requests.Response, account: str) -> dict[str, Any]:
    status = answer.status_code
    try:
        document: Any = answer.json()
    except ValueError:
        document = None
    if status == _OK and isinstance(document, dict) and document:
        return cast("dict[str, Any]", document)
    said = _said(cast("object", document), answer.text)
    if status in (_FORBIDDEN, _UNKNOWN):
        raise CloudError(
            f"{url} is answered {status}: {account} lacks roles/run.invoker on the service, or is not its "
            f"OIDC_SERVICE_ACCOUNT: {said}"
        )
    if status == _ABSENT:
        raise CloudError(f"{url} is answered 404: no revision is there, or one that does not know the path: {said}")
    raise CloudError(f"{url} is answered {status}: {said}")


def _said(document: object, text: str) -> str:
    """Return what an answer says, in a line."""
    error = cast("dict[str, object]", document).get("error") if isinstance(document, dict) else None
    line = " ".join(str(error or text).split()) or "nothing"
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
