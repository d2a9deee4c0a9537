"""Settings with which live sessions do not begin: each is one line and a status, and nothing is connected to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from alpaca_app.live import LiveAccess
from alpaca_app.playbook import main
from trading_playbook.config import Config
from trading_playbook.web.trading_days import LiveSettings

CANARY = "canary-51c2-never-shown"
SETTINGS = [
    ({"ALPACA_API_KEY": ""}, "ALPACA_API_KEY is not set: set it, or ALPACA_API_KEY_SECRET_NAME"),
    ({"ALPACA_SECRET_KEY": ""}, "ALPACA_SECRET_KEY is not set: set it, or ALPACA_SECRET_KEY_SECRET_NAME"),
    ({"ALPACA_SECRET_KEY_SECRET_NAME": "projects/p/secrets/s"}, "are both set: remove one of them"),
    ({"ALPACA_FEED": "otc"}, "ALPACA_FEED is 'otc'"),
    ({"ALPACA_PAPER": "perhaps"}, "ALPACA_PAPER is 'perhaps'"),
    ({"ALPACA_DRY_RUN_ONLY": "perhaps"}, "ALPACA_DRY_RUN_ONLY is 'perhaps'"),
    ({"LIVE_TRADING": "perhaps"}, "LIVE_TRADING is 'perhaps'"),
    ({"ALPACA_TIMEOUT_SECONDS": "21"}, "ALPACA_TIMEOUT_SECONDS is '21'"),
    ({"ALPACA_SETTLE_SECONDS": "-1"}, "ALPACA_SETTLE_SECONDS is '-1'"),
    ({"ALPACA_DATA_URL": "https://data.alpaca.markets"}, "ALPACA_DATA_URL is 'https://data.alpaca.markets'"),
    ({"ALPACA_STREAM_URL": "wss://stream.data.alpaca.markets"}, "ALPACA_STREAM_URL is 'wss://"),
    ({"PLAYBOOK_RISK": "0"}, "PLAYBOOK_RISK is '0'"),
    ({"PLAYBOOK_RISK": "0.06"}, "PLAYBOOK_RISK is '0.06'"),
    ({"PLAYBOOK_MOST_NOTIONAL": "-5"}, "PLAYBOOK_MOST_NOTIONAL is '-5'"),
    ({"PLAYBOOK_SYMBOL": "QQQ,SPY"}, "PLAYBOOK_SYMBOL is 'QQQ,SPY'"),
    ({"LEASE_SECONDS": "14"}, "LEASE_SECONDS is '14'"),
    ({"CLOUD_RUN_SERVICE": "a/b"}, "CLOUD_RUN_SERVICE is 'a/b'"),
    ({"OIDC_AUDIENCE": "https://a"}, "OIDC_SERVICE_ACCOUNT is not set"),
    ({"STORE_URL": ""}, "GCS_BUCKET is not set"),
    ({"STORE_URL": "ftp://a/b"}, "ftp"),
    ({"PORT": "70000"}, "PORT is '70000'"),
]


class Listens(Exception):
    """Nothing was refused: the service would listen now."""


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return what starts the service with settings that are sound, but for what is given, up to where it listens."""
    for kind in (Config, LiveSettings, LiveAccess):
        for name in kind.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)

    def listen(_: object) -> None:
        raise Listens

    monkeypatch.setattr("quant_platform_kit.web.serve.listen", listen)
    monkeypatch.setattr("quant_platform_kit.web.serve.start_logging", lambda **_: None)

    def run(*words: str, **changed: str) -> None:
        sound = {"ALPACA_API_KEY": "key", "ALPACA_SECRET_KEY": CANARY, "STORE_URL": (tmp_path / "store").as_uri()}
        for name, value in (sound | changed).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["alpaca_app.playbook", "live", *words])
        main()

    return run


def test_nothing_is_wrong_with_the_rest(begin: Callable[..., None]) -> None:
    with pytest.raises(Listens):
        begin()


@pytest.mark.parametrize(("changed", "words"), SETTINGS)
def test_what_cannot_be_meant_is_one_line(
    begin: Callable[..., None], capsys: pytest.CaptureFixture[str], changed: Mapping[str, str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        begin(**changed)
    told = capsys.readouterr()
    assert (ended.value.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert words in told.err
    assert CANARY not in told.err


@pytest.mark.parametrize("words", [("--symbol", "QQQ"), ("now",), ("live",)])
def test_words_are_usage(
    begin: Callable[..., None], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        begin(*words)
    assert ended.value.code == 2
    said = "quant: a service takes its settings from the environment, and at most --stop-at-eof\n"
    assert capsys.readouterr().err == said
