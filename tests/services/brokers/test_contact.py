"""A first contact at every broker, with its own client library: all green, and each fault changes exactly its lines."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import pytest_socket
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.cli.main import app
from quant_platform_kit.services.operate.contact.result import State, last_contact
from typer.testing import CliRunner
from venue_sandbox.stands.stand import ACCOUNT

from .contact_faults import FAULTS, ONLY_LOGIN, Fault
from .contact_frame import SYMBOLS, World, opened

MOST_CALLS = {"alpaca": (8, 1), "ibkr": (10, 3), "schwab": (8, 1), "longbridge": (12, 2), "paper": (6, 0)}
"""At most so many calls, and so many more for each symbol; those of the login apart."""


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in MOST_CALLS])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, schwab: Any) -> Generator[World]:
    """Return a broker's venue, the same in all tests of the broker."""
    pytest_socket.enable_socket()
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        opened(request.param, tmp_path_factory.mktemp(request.param), monkeypatch) as made,
    ):
        yield made


def expected(fault: Fault, world: World) -> dict[str, State | None]:
    """Return the lines that a fault is to change at a broker."""
    lines = fault.lines.get(world.name, fault.lines.get("", {}))
    if lines == ONLY_LOGIN:
        return {**dict.fromkeys(world.green.keys() - {"settings"}), "login": State.BLOCKS}
    assert not isinstance(lines, str)
    misread = "documents" in world.green and world.name in fault.misread
    return {**lines, "documents": State.BLOCKS} if misread else dict(lines)


def written(world: World) -> list[str]:
    """Return what is in the service's store."""
    return sorted(path.name for path in (world.folder / "store").rglob("*"))


def test_the_command_keeps_one_object_and_nothing_where_it_is_told_so(world: World) -> None:
    store = world.folder / "kept"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**world.settings, "STORE_URL": store.as_uri()}.items():
            patch.setenv(name, value)
        words = ["contact", "--platform", world.name, "--json"]
        looked_only = CliRunner().invoke(app, [*words, "--no-store"])
        kept_nothing = not [path for path in store.rglob("*") if path.is_file()]
        looked = CliRunner().invoke(app, words)
    assert (looked_only.exit_code, kept_nothing, looked.exit_code) == (0, True, 0), looked.output
    files = [path.relative_to(store) for path in store.rglob("*") if path.is_file()]
    assert [path.parts[:2] for path in files] == [("contacts", ACCOUNT)]
    contact = last_contact(FileStore(store), ACCOUNT)
    assert contact is not None
    assert (contact.platform, contact.blocks, bool(contact.version)) == (world.name, False, True)
    assert world.stand.sent(ACCOUNT) == []


def test_all_is_green_each_fault_changes_exactly_its_lines_and_all_is_green_again(world: World) -> None:
    fixed, each = MOST_CALLS[world.name]
    assert {line.state for line in world.first.lines} <= {State.GOOD, State.NOT_TOLD}
    assert 0 < world.first.calls <= fixed + each * len(SYMBOLS)
    wrong: dict[str, object] = {}
    for fault in (fault for fault in FAULTS if world.name not in fault.not_at):
        (fault.arranged.get(world.name) or fault.arranged[""])(world)
        before = world.stand.sent(ACCOUNT), written(world)
        changes = world.changes()
        if changes != (meant := dict(sorted(expected(fault, world).items()))):
            wrong[fault.name] = changes, meant
        if before != (world.stand.sent(ACCOUNT), written(world)):
            wrong[fault.name] = "an order was sent, or something was written"
        world.reset()
    assert wrong == {}
    assert world.changes() == {}


def test_every_fault_is_arranged_at_every_broker_or_says_why_not() -> None:
    unsaid = [
        (fault.name, name)
        for fault in FAULTS
        for name in MOST_CALLS
        if (name in fault.not_at) is bool({name, ""} & fault.arranged.keys() and name not in fault.not_at)
    ]
    assert unsaid == []
    assert len(FAULTS) >= 40
