"""Requests to servers on this machine, past any proxy; needs the standard library only."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "ask"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def good(self) -> bool:
        """Whether the status says that all went well."""
        return self.status < 300


def ask(
    port: int,
    method: str,
    path: str,
    document: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Answer:
    """Send one request to 127.0.0.1; raises OSError or `http.client.HTTPException` when there is no answer.

    Parameters
    ----------
    path
        With its leading slash.
    document
        Sent as JSON; None sends no body.
    timeout
        Seconds to wait for the answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        text = None if document is None else json.dumps(document)
        kind = {} if text is None else {"Content-Type": "application/json"}
        connection.request(method, path, text, {**kind, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.read(), dict(response.getheaders()))
    finally:
        connection.close()
