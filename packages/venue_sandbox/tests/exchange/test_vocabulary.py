"""Faults have one vocabulary: the same thing has the same name at venues, cloud stand-ins, proxy and paper venue."""

from __future__ import annotations

from quant_platform_kit.paper.accounts import Fault as PaperFault
from venue_sandbox.exchange.faults import CORE_FAULTS, kinds
from venue_sandbox.servers.faults import FaultKind
from venue_sandbox.venues.http.faults import HTTP_FAULTS

VOCABULARY = kinds(CORE_FAULTS) | kinds(HTTP_FAULTS)


def test_cloud_stand_ins_and_the_proxy_add_only_what_venues_do_not_do() -> None:
    """A venue paces orders, and answers a limit with an error of its own."""
    assert set(FaultKind) - VOCABULARY == {"slow", "rate_limit"}


def test_the_paper_venue_adds_only_a_rejection_for_want_of_cash() -> None:
    assert set(PaperFault) - VOCABULARY == {"cash_short"}


def test_kinds_are_told_as_they_are_written_in_a_request() -> None:
    assert {"drop_before", "drop_after", "silent_drop", "http_error"} <= VOCABULARY
