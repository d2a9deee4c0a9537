"""The stores: programs of the workstation that reach the ledger and the bus by a forwarded port, and the archive."""

from __future__ import annotations

import io
import os

from .world import ENVIRONMENT, End, option, wrote

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from collections.abc import Callable

    from .world import World

NEW = "event_trading_restoring"
ARCHIVED = ("archive/topic=swap.demand/one.parquet", "archive/topic=swap.demand/two.parquet")


def is_known(world: World, words: list[str]) -> None:
    """Answer in the ledger's pod whether anything was recorded."""
    if "versioned_objects" not in option(words, "--command"):
        raise End(1, "", f"syntax error: {words}\n")
    raise End(0, "t\n") if world["ledger"] else End(1, "", 'relation "versioned_objects" does not exist\n')


def archive() -> None:
    """Pack the archive."""
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        for name in ARCHIVED:
            one = tarfile.TarInfo(name)
            one.size = len(name)
            file.addfile(one, io.BytesIO(name.encode()))
    raise End(0, packed.getvalue().decode())


def quant(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Halt a ledger, copy an archive."""
    if words[:2] == ["objects", "copy"]:
        import shutil

        shutil.copytree(words[2], words[3])
        raise End(0, "copied\n")
    if words[:2] != ["halt", "all"]:
        raise End(2, "", f"unknown: {words}\n")
    reached(world)
    if "--if-new" in words:
        if not world["ledger"]:
            world["ledger"] = {"of": "the new one", "halted": True}
            wrote(world, "halt a new ledger")
        raise End(0, "all halted by bootstrap\n")
    assert option(words, "--store").endswith(f"/{NEW}"), words
    world[NEW]["halted"] = True
    raise End(0, "all halted\n")


def event_trading(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Keep the bus in a file, or bring it back."""
    brokers = ",".join(f"127.0.0.1:{19090 + number}" for number in range(world["brokers"]))
    if ENVIRONMENT.get("EVENT_TRADING_KAFKA_URL") != brokers or not os.path.exists(option(words, "--config")):
        raise End(1, "", "event-trading: the bus does not answer\n")
    if words[1] == "export":
        write(option(words, "--out"), "bus")
        raise End(0, "1 message\n")
    if world["bus"]:
        raise End(1, "", "event-trading: the bus has messages\n")
    world["bus"] = open(words[2]).read()
    wrote(world, "restore bus")


def pg_dump(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Keep the ledger in a file."""
    reached(world)
    write(option(words, "--file"), str(world["ledger"]["of"]))


def pg_restore(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Fill the new database."""
    reached(world)
    world[NEW] = {"of": open(words[-1]).read(), "halted": False}


def createdb(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Make the new database."""
    reached(world)


def dropdb(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Drop the empty database."""
    reached(world)
    if world["ledger"]:
        world["violations"].append("a ledger was dropped")


def psql(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Answer what restore.sh asks: is it there, what has it, what is in the new one; and give that its name."""
    reached(world)
    asked = option(words, "--command")
    if asked.startswith("ALTER DATABASE"):
        world["ledger"] = world.pop(NEW)
        wrote(world, "restore ledger")
        raise End(0, "")
    of_new = "relname = 'versioned_objects'" in asked
    raise End(0, "1\n" if of_new or "pg_database" in asked or world["ledger"] else "0\n")


def reached(world: World) -> None:
    """Require the ledger's password where libpq looks for it."""
    if not ENVIRONMENT.get("PGPASSWORD"):
        world["violations"].append("the ledger was asked without a password")


def write(path: str, text: str) -> None:
    """Write a file of a backup."""
    with open(path, "w") as file:
        file.write(text)
