"""Which accounts a service runs on, and how far their runs may go."""

from __future__ import annotations

import pytest
from ibkr_app.compose import _configuration
from ibkr_app.groups import accounts_of
from ibkr_app.settings import IbkrSettings
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode

CONFIGURATION = '{"growth": ["U1234567", "U7654321"], "income": ["DU1"]}'


def test_a_group_names_its_accounts_in_order() -> None:
    assert accounts_of("growth", CONFIGURATION) == ("U1234567", "U7654321")
    assert accounts_of("income", CONFIGURATION) == ("DU1",)


def test_without_a_group_there_is_nothing_to_read() -> None:
    assert accounts_of("", "") == ()


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ("", "no JSON object"),
        ("{", "not JSON"),
        ("[]", "no JSON object"),
        ('{"other": ["U1"]}', "has other"),
        ("{}", "has no group"),
        ('{"growth": []}', "not empty"),
        ('{"growth": "U1"}', "list of different account ids"),
        ('{"growth": ["U1", "U1"]}', "different"),
        ('{"growth": ["U1", 2]}', "different"),
        ('{"growth": ["U1", ""]}', "different"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(configuration: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        accounts_of("growth", configuration)
    assert "U1" not in str(refused.value), "account ids are not shown"


@pytest.mark.parametrize(
    ("dry_run_only", "live_trading", "account", "mode"),
    [
        (True, False, "U1", Mode.DRY_RUN),
        (True, True, "U1", Mode.DRY_RUN),
        (True, True, "DU1", Mode.DRY_RUN),
        (False, False, "U1", Mode.DRY_RUN),
        (False, False, "DU1", Mode.PAPER),
        (False, True, "DU1", Mode.PAPER),
        (False, True, "DF1", Mode.PAPER),
        (False, True, "U1", Mode.LIVE),
    ],
)
def test_live_takes_both_switches_and_a_paper_account_the_first(
    dry_run_only: bool, live_trading: bool, account: str, mode: Mode
) -> None:
    settings = IbkrSettings(
        strategy_profile="dual_momentum",
        store_url="file:///-",
        report_store_url="file:///-",
        ibkr_dry_run_only=dry_run_only,
        live_trading=live_trading,
    )
    assert settings.mode_of(account) is mode


class Kept:
    """Secrets with one value."""

    def read(self, name: str) -> str:
        """Return it."""
        return f'{{"of {name}": ["DU1"]}}'

    def add(self, name: str, value: str) -> None:
        """Nobody does."""
        raise AssertionError


def settings_of(**values: str) -> IbkrSettings:
    return IbkrSettings(strategy_profile="dual_momentum", store_url="file:///-", report_store_url="file:///-", **values)


def test_the_configuration_comes_from_the_secret_that_is_named() -> None:
    named = settings_of(ib_account_group_config_secret_name="projects/p/secrets/groups")
    assert accounts_of("of projects/p/secrets/groups", _configuration(named, Kept())) == ("DU1",)
    assert _configuration(settings_of(ib_account_group_config=CONFIGURATION), Kept()) == CONFIGURATION


def test_a_configuration_that_is_given_twice_is_refused() -> None:
    both = settings_of(
        ib_account_group_config=CONFIGURATION, ib_account_group_config_secret_name="projects/p/secrets/s"
    )
    with pytest.raises(InvalidInput, match="both set"):
        _configuration(both, Kept())
