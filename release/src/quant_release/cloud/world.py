"""What moving services works with: Google's APIs, the services' addresses and ledgers, or servers of this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.clock import Clock

from quant_release.bundle import Service
from quant_release.cloud.addresses import Addresses
from quant_release.cloud.calls import Calls
from quant_release.cloud.holds import ServiceLedger
from quant_release.cloud.identity import IdentityTokens
from quant_release.cloud.run_api import CloudRun
from quant_release.cloud.scheduler_api import Scheduler
from quant_release.settings import setting, store_endpoint

__all__ = ["MOST_SECONDS", "ServiceWorld", "Terms"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


MOST_SECONDS = 600.0
"""The longest `Terms.timeout`: a step waits for an operation, a revision and the traffic within a lease's half hour."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How services are moved.

    Attributes
    ----------
    window
        Minutes before its job is due within which no service is held.
    timeout
        Seconds that an operation of Cloud Run, the start of a revision or the roll of a workload may take.
    patience
        Seconds to wait for runs that are open and worked on.
    confirmed
        Services that may trade live after the release.
    asking
        Seconds that kubectl or docker may take to answer a question, or to take an order.
    """

    window: float = 30.0
    timeout: float = MOST_SECONDS
    patience: float = 60.0
    confirmed: frozenset[str] = field(default_factory=frozenset[str])
    asking: float = 60.0


class ServiceWorld:
    """Google's APIs for whoever is logged in; ``CLOUD_RUN_URL``, ``CLOUD_SCHEDULER_URL`` lead to this machine instead.

    Nothing else differs between the two.
    """

    def __init__(self, terms: Terms, clock: Clock) -> None:
        self.terms, self.clock = terms, clock
        self._ledgers: dict[str, ServiceLedger] = {}

    @cached_property
    def run(self) -> CloudRun:
        """Cloud Run."""
        return CloudRun(self._credentials, self._calls, self._url("CLOUD_RUN_URL"), self.terms.timeout)

    @cached_property
    def scheduler(self) -> Scheduler:
        """Cloud Scheduler."""
        return Scheduler(self._credentials, self._calls, self._url("CLOUD_SCHEDULER_URL"))

    @cached_property
    def tokens(self) -> IdentityTokens:
        """Who signs identity tokens."""
        return IdentityTokens(self._credentials, self._calls, self._url("CLOUD_SCHEDULER_URL"))

    @cached_property
    def addresses(self) -> Addresses:
        """The addresses of services."""
        return Addresses(self.clock)

    def ledger(self, name: str, service: Service) -> ServiceLedger:
        """Return the ledger of a service.

        Raises
        ------
        InvalidInput
            Its address is in no variable of the environment, or is none.
        """
        if name not in self._ledgers:
            url = self.ledger_url(name, service)
            parts = _split(service.store_env or "store", url)
            password = parts.password or ""
            hide({password, unquote(password), *(value for key, value in parse_qsl(parts.query) if "password" in key)})
            self._ledgers[name] = ServiceLedger(open_store(url, endpoint=store_endpoint(url)), name, self.clock)
        return self._ledgers[name]

    def ledger_url(self, name: str, service: Service) -> str:
        """Return the address of a service's ledger, which may hold a password; see `ledger`."""
        url = service.store if service.store_env is None else setting(service.store_env)
        if not url:
            raise InvalidInput(
                f"service {name}: its ledger is in {service.store_env}, which is not set: set it to the address"
            )
        return url

    @cached_property
    def _calls(self) -> Calls:
        known = cast("Any", self._credentials)
        who = getattr(known, "service_account_email", None) or getattr(known, "account", None)
        return Calls(self.clock, who or "whoever is logged in here")

    @cached_property
    def _credentials(self) -> Credentials:
        here = [name for name in ("CLOUD_RUN_URL", "CLOUD_SCHEDULER_URL") if setting(name)]
        if len(here) == 1:
            raise InvalidInput(f"{here[0]} is set alone: set CLOUD_RUN_URL and CLOUD_SCHEDULER_URL, or neither")
        if here:
            return AnonymousCredentials()
        try:
            return cast("Any", google.auth).default(scopes=[_SCOPE])[0]
        except DefaultCredentialsError as error:
            raise Refused("nobody is logged in at Google: gcloud auth application-default login") from error

    @staticmethod
    def _url(name: str) -> str | None:
        url = setting(name)
        if not url:
            return None
        parts = _split(name, url)
        hide({parts.password or ""})
        is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK or not is_bare:
            raise InvalidInput(f"{name} is {url!r}: only a server of this machine, http://127.0.0.1:PORT, or nothing")
        return url.rstrip("/")


def _split(name: str, url: str) -> SplitResult:
    """Return the parts of an address that a variable holds; `InvalidInput` for one that is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - refused where it is no number, or none of a port
    except ValueError:  # what it says may be a part of a password
        raise InvalidInput(f"{name} holds no address that can be read: see to its host and its port") from None
    return parts
