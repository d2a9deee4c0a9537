"""The daily summary at a real SMTP server, and channels that fail."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from quant_platform_kit.adapters.clock import FrozenClock
from trading_playbook.attempts import Ending
from trading_playbook.compose import Asked, compose_playbook
from trading_playbook.config import Config
from trading_playbook.testing.invented import InventedSource

DUE = datetime(2025, 9, 15, 21, 0, tzinfo=UTC)

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it


class Mailbox:
    """Keeps each message that is delivered; it may refuse them all."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


Serve = Callable[[], tuple[Mailbox, str]]


@pytest.fixture
def mail(ports: set[int]) -> Generator[Serve]:
    """Return a function that starts a mail server; it returns the mailbox and the URL that tells it."""
    running: list[Controller] = []

    def serve() -> tuple[Mailbox, str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        ports.add(port)
        mailbox = Mailbox()
        running.append(Controller(mailbox, "127.0.0.1", port))
        running[-1].start()
        return mailbox, f"mailto://127.0.0.1:{port}?from=playbook@example.com&to=owner@example.com&mode=insecure"

    yield serve
    for each in running:
        each.stop()


def today(folder: Path, urls: str, monkeypatch: pytest.MonkeyPatch) -> Ending:
    """Run the session of the day with the settings of a deployment."""
    monkeypatch.setenv("OUTPUT_DIR", str(folder))
    monkeypatch.setenv("NOTIFY_URLS", urls)
    playbook = compose_playbook(Config.from_env(), Asked("QQQ"), InventedSource, FrozenClock(DUE))
    return playbook.run(DUE)[0].ending


def test_the_summary_is_delivered_with_its_page_and_its_picture(
    mail: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox, url = mail()
    assert today(tmp_path, url, monkeypatch) is Ending.WRITTEN
    (message,) = mailbox.messages
    assert (message["To"], "QQQ 2025-09-15" in message["Subject"]) == ("owner@example.com", True)
    page, (image,) = message.get_body(("html",)), [*message.iter_attachments()]
    assert page is not None
    assert "<td>2025-09-15</td>" in page.get_content()
    assert (image.get_filename(), image.get_content_type()) == ("results.png", "image/png")
    assert image.get_content().startswith(b"\x89PNG")


def test_a_server_that_refuses_fails_no_run(mail: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox, url = mail()
    mailbox.answer = "554 no"
    assert today(tmp_path, url, monkeypatch) is Ending.WRITTEN
    assert (tmp_path / "trades.csv").read_text().count("2025-09-15") == 1
    assert mailbox.messages == []


def test_a_channel_that_is_down_keeps_the_others_from_nothing(
    mail: Serve, ports: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports.add(1)  # where nobody listens
    mailbox, url = mail()
    down = url.replace(url.partition("?")[0], "mailto://127.0.0.1:1")
    assert today(tmp_path, f"{down} {url}", monkeypatch) is Ending.WRITTEN
    assert len(mailbox.messages) == 1
