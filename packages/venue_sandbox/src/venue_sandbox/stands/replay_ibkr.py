"""What the Gateway said in a capture, said again to the client library over its own protocol."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quant_platform_kit.adapters.captures import Capture
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.services.operate.contact.reading import Met

from venue_sandbox.stands.ibkr import IbkrClients
from venue_sandbox.stands.replaying import lacks, meeting
from venue_sandbox.stands.stand import Waits
from venue_sandbox.venues.tws.replaying import Heard, gateway

__all__ = ["replaying"]

HELLO, ACCOUNTS = "gateway hello", "gateway 15"
BETWEEN: Mapping[str, str] = {"client 20": " "}
"""What stands between the parts of a field, if no comma."""
WAITS = Waits(2.5, timedelta(seconds=0.3))


@contextmanager
def replaying(capture: Capture) -> Generator[Met]:
    """Return the first account of a capture, over the unmodified client library; raises `InvalidInput`."""
    told = [(subject, _fields(subject, message)) for subject, message in capture.exchanges]
    hello = next((fields for subject, fields in told if subject == HELLO), None)
    accounts = [name for subject, fields in told if subject == ACCOUNTS for name in fields[-1].split(",") if name]
    if hello is None or not accounts:
        raise lacks(capture, "login over the wire")
    heard = [Heard(subject.startswith("gateway"), fields) for subject, fields in told if subject != HELLO]
    with TemporaryDirectory() as name, gateway(hello, heard) as port:
        clients = IbkrClients(port, {accounts[0]: 1}, WAITS)
        with meeting(clients.account(accounts[0], FileStore(Path(name)))) as met:
            yield met


def _fields(subject: str, message: Sequence[Any]) -> list[str]:
    between = BETWEEN.get(subject, ",")
    return [str(each) if isinstance(each, str) else between.join(map(str, each)) for each in message]
