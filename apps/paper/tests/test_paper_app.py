"""The paper service as its environment composes it, and the one line with which a start stops otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from paper_app.compose import compose
from paper_app.history import PriceFile
from paper_app.settings import PaperSettings
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain import redaction
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.testing.synthetic import synthetic_prices
from quant_platform_kit.web.serve import main

CANARY = "canary-7f3a-secret!"
SYMBOLS = ("AGG", "BIL", "EFA", "SPY")
Start = Callable[..., str]


def write_prices(path: Path, last: date = date(2022, 3, 31), factor: float = 1.0) -> Path:
    """Write a price file of four symbols, a quarter long."""
    made = synthetic_prices(SYMBOLS, load_calendar("XNYS"), date(2022, 1, 3), last)
    rows = zip(made.days.astype(str), made.codes.tolist(), made.columns["close"].tolist(), strict=True)
    lines = [f"{day},{made.symbols[code]},{close * factor:.4f},{close * factor:.4f}" for day, code, close in rows]
    path.write_text("\n".join(["date,symbol,close,adj_close", *lines]) + "\n")
    return path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Return the settings of a service that could start, which are set."""
    monkeypatch.setattr(redaction, "_known", [])
    for name in PaperSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    given = {
        "STRATEGY_PROFILE": "dual_momentum",
        "STORE_URL": (tmp_path / "store").as_uri(),
        "REPORT_STORE_URL": (tmp_path / "reports").as_uri(),
        "PAPER_ACCOUNT": "DUSBX1",
        "PAPER_VENUE_PORT": "4001",
        "PAPER_PRICES": str(write_prices(tmp_path / "prices.csv")),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@pytest.fixture
def start(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Start:
    """Return a function that starts the service with further settings, and returns the line with which it stops."""

    def run(**changes: str) -> str:
        for name, value in changes.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["paper_app"])
        with pytest.raises(SystemExit) as stop:
            main(compose)
        out, err = capsys.readouterr()
        assert (stop.value.code, out, err.count("\n")) == (1, "", 1), err
        assert err.startswith("quant: ")
        assert CANARY not in err
        assert not (tmp_path / "store").exists()
        return err.removeprefix("quant: ").rstrip("\n")

    return run


# --- what is composed ---------------------------------------------------------------------------------------


def test_the_environment_becomes_a_service_on_one_paper_account(environment: dict[str, str]) -> None:
    service = compose()
    (account,) = service.accounts()
    assert (service.name, service.platform.name, service.strategy.manifest.profile) == (
        "local",
        "paper",
        "dual_momentum",
    )
    assert (account.broker.account_id, account.mode) == ("DUSBX1", Mode.PAPER)
    assert account.broker.traits.visibility_window == timedelta(seconds=2)
    assert account.broker.traits.timeout == timedelta(seconds=5)


def test_every_run_gets_a_connection_of_its_own(environment: dict[str, str]) -> None:
    service = compose()
    assert service.accounts()[0].broker is not service.accounts()[0].broker


def test_a_service_starts_while_venue_store_and_prices_are_not_there(environment: dict[str, str]) -> None:
    Path(environment["PAPER_PRICES"]).unlink()
    assert compose().strategy.manifest.profile == "dual_momentum"


def test_the_history_is_that_of_the_file_up_to_the_session(environment: dict[str, str]) -> None:
    (account,) = compose().accounts()
    history = account.market.history(("SPY", "AGG"), date(2022, 2, 28), 10)
    assert (history.symbols, history.last_session) == (("SPY", "AGG"), date(2022, 2, 28))


# --- the price file -----------------------------------------------------------------------------------------


def test_a_price_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_prices(tmp_path / "prices.csv")
    prices = PriceFile(path, "adj_close", load_calendar("XNYS"))
    first = prices.table()
    assert prices.table() is first
    write_prices(path, factor=2.0)
    os.utime(path, ns=(1, 1))
    again = prices.table()
    assert again is not first
    assert again.fields["close"][0, 0] == pytest.approx(2 * first.fields["close"][0, 0], abs=0.001)


def test_a_price_file_that_is_gone_or_damaged_is_tried_again_later(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    prices = PriceFile(path, "adj_close", load_calendar("XNYS"))
    with pytest.raises(BrokerError, match=r"PAPER_PRICES .*prices\.csv: .*No such file"):
        prices.table()
    path.write_text("date,symbol,close\n2022-01-03,SPY,450\n")
    with pytest.raises(BrokerError, match=r"PAPER_PRICES .*adj_close"):
        prices.table()
    write_prices(path)
    assert prices.table().symbols == SYMBOLS


def test_symbols_that_the_file_does_not_have_are_named(environment: dict[str, str]) -> None:
    (account,) = compose().accounts()
    with pytest.raises(BrokerError, match="PAPER_PRICES has no prices of IEF, TLT: add them to the file"):
        account.market.history(("TLT", "SPY", "IEF"), date(2022, 2, 28), 10)


# --- what stops the start -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["STRATEGY_PROFILE", "STORE_URL", "PAPER_ACCOUNT", "PAPER_VENUE_PORT", "PAPER_PRICES"])
def test_a_setting_that_is_missing_stops_the_start(start: Start, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    meaning = PaperSettings.model_fields[name.lower()].description
    assert start() == f"{name} is not set. {meaning} Set it in the environment"


LINES = {
    "PAPER_ACOUNT=x": "PAPER_ACOUNT is not a setting of this service; did you mean PAPER_ACCOUNT? Remove or correct it",
    "OIDC_AUDENCE=x": "OIDC_AUDENCE is not a setting of this service; did you mean OIDC_AUDIENCE? Remove or correct it",
    "PAPER_ACCOUNT=a|b": "PAPER_ACCOUNT is 'a|b': String should match pattern",
    "PAPER_ACCOUNT=../b": "PAPER_ACCOUNT is '../b': String should match pattern",
    "PAPER_VENUE_PORT=0": "PAPER_VENUE_PORT is '0': Input should be greater than or equal to 1",
    "PAPER_VENUE_PORT=65536": "PAPER_VENUE_PORT is '65536': Input should be less than or equal to 65535",
    "PAPER_PRICE_FIELD=open": "PAPER_PRICE_FIELD is 'open': Input should be 'close' or 'adj_close'",
    "PAPER_SETTLE_SECONDS=-1": "PAPER_SETTLE_SECONDS is '-1': Input should be greater than or equal to 0",
    "PAPER_SETTLE_SECONDS=inf": "PAPER_SETTLE_SECONDS is 'inf': Input should be less than or equal to 600",
    "PAPER_TIMEOUT_SECONDS=0": "PAPER_TIMEOUT_SECONDS is '0': Input should be greater than 0",
    "PAPER_TIMEOUT_SECONDS=1e99": "PAPER_TIMEOUT_SECONDS is '1e99': Input should be less than or equal to 600",
    "PORT=70000": "PORT is '70000': Input should be less than or equal to 65535",
    "STRATEGY_PROFILE=nobody": "STRATEGY_PROFILE: profile 'nobody' is not known; known: ",
    "STRATEGY_CONFIG=speed=9": "STRATEGY_CONFIG is 'speed=9': config of dual_momentum: speed is not known",
    "PAPER_STRATEGY=my.py": "strategy 'my.py': write FILE.py:CLASS",
    "OIDC_AUDIENCE=https://x": "OIDC_AUDIENCE is https://x and OIDC_SERVICE_ACCOUNT is not set",
    "OIDC_CERTS_URL=certs": "OIDC_CERTS_URL is 'certs'; keys are read from an https:// address",
    f"STORE_URL=mysql://quant:{CANARY}@db/x": "STORE_URL is not the address of a store; write file:///folder",
    f"NOTIFY_URLS={CANARY}": "NOTIFY_URLS: number 1 is no Apprise URL",
}


@pytest.mark.parametrize("line", LINES)
def test_a_setting_that_cannot_be_meant_stops_the_start_with_one_line(start: Start, line: str) -> None:
    name, _, value = line.partition("=")
    assert start(**{name: value}).startswith(LINES[line])


@pytest.mark.parametrize(
    ("lease", "timeout", "settle", "needed"),
    [("10", "5", "2", "10"), ("60", "30", "0", "60"), ("60", "10", "55", "65")],
)
def test_a_lease_under_which_no_order_could_be_sent_stops_the_start(
    start: Start, lease: str, timeout: str, settle: str, needed: str
) -> None:
    said = start(LEASE_SECONDS=lease, PAPER_TIMEOUT_SECONDS=timeout, PAPER_SETTLE_SECONDS=settle)
    assert said == (
        f"LEASE_SECONDS is {lease}; with PAPER_TIMEOUT_SECONDS {timeout} and PAPER_SETTLE_SECONDS {settle} it has to "
        f"be more than {needed}"
    )


OWN = """
from pydantic import BaseModel
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode

class Mine:
    manifest = StrategyManifest(
        profile="mine", display_name="Mine", target_mode=TargetMode.WEIGHT, managed=("SPY",), history_sessions=5,
        required_inputs=frozenset({InputName.MARKET_HISTORY}), sources=("a test",),
    )

    class Config(BaseModel):
        pass

    def evaluate(self, ctx, config):
        return self.manifest.hold(ctx, "never")
"""


def test_a_strategy_of_a_file_runs_on_paper_under_its_own_profile_only(
    environment: dict[str, str], start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    reference = f"{tmp_path / 'mine.py'}:Mine"
    said = start(PAPER_STRATEGY=reference)
    assert said == f"STRATEGY_PROFILE is 'dual_momentum'; PAPER_STRATEGY {reference} has mine: name that"
    monkeypatch.setenv("PAPER_STRATEGY", reference)
    monkeypatch.setenv("STRATEGY_PROFILE", "mine")
    assert compose().strategy.manifest.profile == "mine"


def test_a_lease_just_long_enough_is_taken(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_SECONDS", "10.5")
    assert compose().terms.lease == timedelta(seconds=10.5)


def test_a_service_takes_no_words_on_its_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["paper_app", "--port", "80"])
    with pytest.raises(SystemExit) as stop:
        main(compose)
    assert stop.value.code == 2
    assert capsys.readouterr() == (
        "",
        "quant: a service takes its settings from the environment, and at most --stop-at-eof\n",
    )
