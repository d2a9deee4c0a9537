"""Notifications over Apprise: mail, chat and push services by URL (extra ``notify``)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TimedOut
from typing import Any, cast

from quant_platform_kit.domain.errors import InvalidInput, NotifyError
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.ports.notifier import Attachment, Notification, Severity

__all__ = ["AppriseNotifier", "check_urls"]

TIMEOUT_SECONDS = 5.0
"""Less than the 6 s that requests have to end after a service was told to stop."""
_KIND = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.FAILURE: "failure"}


def check_urls(urls: str) -> None:
    """Raise `InvalidInput` unless each word of ``NOTIFY_URLS`` can be a URL; none is shown, they hold secrets."""
    for number, url in enumerate(urls.split(), 1):
        if "://" not in url:
            raise InvalidInput(
                f"NOTIFY_URLS: number {number} is no Apprise URL; write it as mailto://, slack://, json://"
            )


def _shown(formats: Any) -> str:
    """Return the format that a service shows by itself: the first of those it knows, or its only one."""
    first = cast("tuple[Any, ...]", formats)[0] if isinstance(formats, tuple) else formats
    return str(first.value)


def _files(attachments: Sequence[Attachment]) -> dict[str, Any]:
    """Return the files of a message as Apprise takes them; services that take none send the text alone."""
    if not attachments:
        return {}
    from apprise import AppriseAttachment
    from apprise.attachment.memory import AttachMemory

    memory: Any = AttachMemory
    files: Any = AppriseAttachment()
    for each in attachments:
        files.add(memory(content=each.data, name=each.name, mimetype=each.content_type))
    return {"attach": files}


class AppriseNotifier:
    """A `Notifier` for a list of Apprise URLs; a message that not every one of them took within 5 s has failed.

    Parameters
    ----------
    urls
        As Apprise writes them, such as ``mailto://``, ``slack://``, ``json://``; they hold secrets.

    Raises
    ------
    InvalidInput
        A URL that Apprise does not know, or the extra ``notify`` is not installed.
    """

    def __init__(self, urls: Sequence[str], *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._urls = tuple(urls)
        self._timeout = timeout_seconds
        self._made: Any = None

    def send(self, notification: Notification) -> None:
        """Deliver a message; see `quant_platform_kit.ports.notifier.Notifier`."""
        self._apprise()
        outcome = Future[bool]()
        threading.Thread(target=self._into, args=(outcome, notification), name="notify", daemon=True).start()
        try:
            delivered = outcome.result(self._timeout)
        except TimedOut:
            raise NotifyError(f"no answer to a notification within {self._timeout:g} s") from None
        if not delivered:
            raise NotifyError("a notification was not taken; the log of apprise says by whom")

    def _into(self, outcome: Future[bool], notification: Notification) -> None:
        try:
            outcome.set_result(self._notify(notification))
        except Exception as error:  # noqa: BLE001 - it is raised again where the result is waited for
            outcome.set_exception(error)

    def _notify(self, notification: Notification) -> bool:
        title, kind = redact(notification.title), _KIND[notification.severity]
        told = {"title": title, "notify_type": kind, **_files(notification.attachments)}
        if not notification.html:
            return bool(self._apprise().notify(body=redact(notification.body), **told))
        pages, texts = self._by_format()
        page = {"body": redact(notification.html), "body_format": "html"}
        sent = [
            group.notify(**content, **told)
            for group, content in ((pages, page), (texts, {"body": redact(notification.body), "body_format": "text"}))
            if len(group)
        ]
        return all(sent)

    def _by_format(self) -> tuple[Any, Any]:
        """Return the services that show HTML by themselves, such as mail, and all others."""
        known = self._apprise()
        groups = type(known)(), type(known)()
        for server in known:
            groups[0 if _shown(server.notify_format) == "html" else 1].add(server)
        return groups

    def _apprise(self) -> Any:
        """Return the Apprise object, made at the first message: on a busy machine that takes longer than an answer."""
        if self._made is None:
            try:
                from apprise import Apprise
            except ImportError as error:
                raise InvalidInput("NOTIFY_URLS needs apprise: install quant-platform-kit[notify]") from error
            made: Any = Apprise()
            for number, url in enumerate(self._urls, 1):
                if not made.add(url):
                    scheme = url.partition(":")[0]
                    raise NotifyError(f"NOTIFY_URLS: Apprise does not know URL {number}, which starts {scheme!r}")
            self._made = made
        return self._made
