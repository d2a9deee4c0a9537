"""What `release status` makes of answers about a service: no server is asked here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import run_v2
from quant_platform_kit.services.operate.switches import FlagEntry
from quant_release.bundle import Service
from quant_release.cli.service_lines import service_line
from quant_release.cloud.calls import CloudError
from quant_release.cloud.environment import Variable
from quant_release.cloud.run_api import Deployed
from quant_release.cloud.scheduler_api import Job
from quant_release.inspect.differences import difference_lines
from quant_release.inspect.journal import Built, Known
from quant_release.inspect.services import ServiceReading

AT = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
IMAGE = f"registry.invalid/a/ibkr@sha256:{'a' * 64}"
SERVICE = Service(
    platform="ibkr",
    region="europe-west1",
    project="house",
    image="registry.invalid/a/ibkr",
    schedule="job",
    service_account="a@b.c",
    audience="https://x",
    store="file:///ledger",
)
PINS = {"quant-platform-kit": "0.7.10"}
KNOWN = Known(True, {IMAGE: Built("ibkr", "c" * 40, PINS)}, (), None)
JOB = Job("job", "0 10 * * 1-5", "America/New_York", "https://x/run", "a@b.c", "https://x", False, AT)
PAUSED = Job("job", "0 10 * * 1-5", "America/New_York", "https://x/run", "a@b.c", "https://x", True, None)
HELD = FlagEntry(True, "ana", "release r by ana", AT)


def deployed(*shares: tuple[str, int], newest: str = "x-2") -> Deployed:
    """Return a service whose newest revision is ``x-2``."""
    secret = {"secret_key_ref": {"secret": "token", "version": "7"}}
    env = [
        {"name": "STRATEGY_PROFILE", "value": "dual_momentum"},
        {"name": "BROKER_PASSWORD", "value": "geheim"},
        {"name": "TOKEN", "value_source": secret},
    ]
    document: dict[str, Any] = {
        "name": "projects/house/locations/europe-west1/services/x",
        "template": {"containers": [{"image": IMAGE, "env": env}]},
        "latest_created_revision": f"projects/house/locations/europe-west1/services/x/revisions/{newest}",
        "traffic_statuses": [{"type_": 2, "revision": name, "percent": percent} for name, percent in shares],
    }
    return Deployed(run_v2.Service(document))


def kinds(known: Known = KNOWN, pins: dict[str, str] = PINS, **answers: Any) -> list[str]:
    given = {"deployed": deployed(("x-2", 100)), "job": JOB, "held": None} | answers
    return [one["kind"] for one in ServiceReading("x", SERVICE, **given).mismatches(known, {"ibkr": pins})]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (kinds(), []),
        (kinds(deployed=deployed(("x-2", 60), ("x-1", 40))), ["traffic"]),
        (kinds(deployed=deployed()), ["traffic"]),
        (kinds(deployed=deployed(("x-1", 100))), ["newest"]),
        (kinds(pins={"quant-platform-kit": "0.7.11"}), ["image"]),
        (kinds(Known(True)), ["image"]),
        (kinds(Known()), []),
        (kinds(job=PAUSED), ["paused"]),
        (kinds(job=PAUSED, held=HELD), ["hold"]),
        (kinds(Known(True, KNOWN.images, (), AT - timedelta(minutes=1)), job=PAUSED, held=HELD), []),
        (kinds(Known(True, KNOWN.images, (), AT + timedelta(minutes=1)), job=PAUSED, held=HELD), ["hold"]),
        (kinds(job=CloudError("job is answered 500")), ["error"]),
        (kinds(deployed=CloudError("a"), job=CloudError("a"), held=CloudError("b")), ["error"]),
    ],
)
def test_what_does_not_fit_is_named_by_its_kind(found: list[str], wanted: list[str]) -> None:
    assert found == wanted


def test_values_that_may_be_secret_are_not_shown() -> None:
    status = ServiceReading("x", SERVICE, deployed(("x-2", 100)), JOB, None).status(KNOWN)
    assert status.env == {
        "STRATEGY_PROFILE": "dual_momentum",
        "BROKER_PASSWORD": "***",
        "TOKEN": {"secret": "token", "version": "7"},
    }
    assert (status.revision, status.commit, status.error) == ("x-2", "c" * 40, None)


def test_a_service_is_a_line() -> None:
    reading = ServiceReading("x", SERVICE, deployed(("x-2", 100)), PAUSED, HELD)
    assert service_line(reading.status(KNOWN)) == (
        "[dim]service[/dim] [bold]x[/bold]  x-2 100 %  ibkr@aaaaaaaaaaaa of cccccccccccc  dual_momentum"
        "  0 10 * * 1-5 America/New_York, paused  [yellow]held[/yellow] by ana since 2026-03-02 14:30 UTC"
    )
    unread = ServiceReading("x", SERVICE, CloudError("a"), JOB, CloudError("b")).status(KNOWN)
    assert unread.error == "a; b"
    assert service_line(unread) == (
        "[dim]service[/dim] [bold]x[/bold]  [red]cannot be read[/red]"
        "  0 10 * * 1-5 America/New_York, due 2026-03-02 14:30 UTC"
    )


def test_a_difference_shows_what_the_bundle_says_and_no_other_value_that_may_be_secret() -> None:
    before = (Variable("TOKEN", "geheim-1"), Variable("MAX_WEIGHT", "0.2"), Variable("EXTRA", "x"))
    after = (Variable("TOKEN", "geheim-2"), Variable("MAX_WEIGHT", "0.5"), Variable("MODE", "calm"))
    says = SERVICE.model_copy(update={"flags": {"MODE": "calm", "MAX_WEIGHT": "0.5"}})
    assert difference_lines(before, after, says) == [
        "-EXTRA=***",
        "~MAX_WEIGHT='0.2' -> '0.5'",
        "+MODE='calm'",
        "~TOKEN=*** -> ***",
    ]
    assert "+MODE=***" in difference_lines(before, after)
