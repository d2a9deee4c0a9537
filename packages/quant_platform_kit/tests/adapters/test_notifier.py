"""Messages with HTML and files: mail shows them, channels of text get the text."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import pytest
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.notifier import Attachment, Notification, Severity

MAIL, CHAT = "mailto://me:pass1234@mail.example?to=you@mail.example", "json://chat.example/hook"
PICTURE = Attachment("results.png", "image/png", b"\x89PNG")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return what each service was given to send."""
    given: dict[str, dict[str, Any]] = {}

    def keep(name: str) -> Any:
        def send(self: object, body: str, **fields: Any) -> bool:
            given[name] = {"body": body, **fields}
            return True

        return send

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'imghdr' is deprecated")  # by Python, of what the library imports
        mail, chat = import_module("apprise.plugins.email.base"), import_module("apprise.plugins.custom_json")
    monkeypatch.setattr(mail.NotifyEmail, "send", keep("mail"))
    monkeypatch.setattr(chat.NotifyJSON, "send", keep("chat"))
    return given


def test_mail_gets_html_and_the_picture_and_a_channel_of_text_the_text(sent: dict[str, dict[str, Any]]) -> None:
    AppriseNotifier((MAIL, CHAT)).send(
        Notification("day/one", Severity.INFO, "A day", "plain & short", "<p>as <b>page</b></p>", (PICTURE,))
    )
    assert "<b>page</b>" in sent["mail"]["body"]
    assert "plain & short" in sent["chat"]["body"]
    (file,) = sent["mail"]["attach"]
    assert (file.name, file.mimetype, file.open().read()) == ("results.png", "image/png", b"\x89PNG")


def test_one_kind_of_channel_is_enough(sent: dict[str, dict[str, Any]]) -> None:
    for url, name in ((MAIL, "mail"), (CHAT, "chat")):
        AppriseNotifier((url,)).send(Notification("day/one", Severity.INFO, "A day", "text", "<p>page</p>"))
        assert {*sent} == {name}
        sent.clear()


def test_no_secret_is_in_the_page(sent: dict[str, dict[str, Any]]) -> None:
    hide(["canary-777"])
    AppriseNotifier((MAIL,)).send(Notification("day/one", Severity.INFO, "A day", "", "<p>canary-777</p>"))
    assert "canary" not in sent["mail"]["body"]
