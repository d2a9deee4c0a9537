"""Addresses that the environment or a bundle names: what is none, or leads elsewhere, is one error."""

from __future__ import annotations

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import redact
from quant_release.bundle import Service
from quant_release.cloud.world import ServiceWorld, Terms

PASSWORD = "pa55w0rd"


@pytest.mark.parametrize("name", ["CLOUD_RUN_URL", "CLOUD_SCHEDULER_URL"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://[", "holds no address that can be read"),
        ("http://127.0.0.1:99999", "holds no address that can be read"),
        ("https://127.0.0.1:8080", "only a server of this machine"),
        ("http://run.example:8080", "only a server of this machine"),
        ("http://localhost.example:8080", "only a server of this machine"),
        ("http://127.0.0.1:8080/v2", "only a server of this machine"),
        ("http://127.0.0.1:8080?x=1", "only a server of this machine"),
        (f"http://bea:{PASSWORD}@127.0.0.1:8080", "only a server of this machine"),
        ("nonsense", "only a server of this machine"),
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, said: str
) -> None:
    for one in ("CLOUD_RUN_URL", "CLOUD_SCHEDULER_URL"):
        monkeypatch.setenv(one, url if one == name else "http://127.0.0.1:1")
    world = ServiceWorld(Terms(), SystemClock())
    with pytest.raises(InvalidInput, match=f"{name} .*{said}") as error:
        _ = (world.run, world.scheduler)
    assert PASSWORD not in redact(str(error.value))


@pytest.mark.parametrize("url", [f"postgresql://u:{PASSWORD}/x@h/d", "postgresql://[", f"//u:{PASSWORD}@[h"])
def test_a_ledger_whose_address_cannot_be_read_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MY_LEDGER", url)
    service = Service(platform="ibkr", region="r", project="p", image="i", store_env="MY_LEDGER")
    with pytest.raises(InvalidInput, match="MY_LEDGER holds no address that can be read") as error:
        ServiceWorld(Terms(), SystemClock()).ledger("a", service)
    assert PASSWORD not in str(error.value)
