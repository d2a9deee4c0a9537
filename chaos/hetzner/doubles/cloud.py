"""The cloud: terraform and hcloud, and ssh, with which nobody logs in."""

from __future__ import annotations

from .world import ENVIRONMENT, RESOURCES, End, option, wrote

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from collections.abc import Callable

    from .world import World

LABEL = "event-trading"
ADDRESS = "203.0.113.10"


def terraform(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Make, import, show and destroy what stands at the cloud."""
    verb = [word for word in words if not word.startswith("-")]
    cloud, known = world["cloud"], world["terraform"]
    if verb[0] == "plan":
        whole = all(name in known and known[name] in cloud.get(kind, []) for name, kind in RESOURCES.items())
        raise End(0 if whole and world["location"] == ENVIRONMENT["TF_VAR_location"] else 2)
    if verb[:2] == ["state", "list"]:
        raise End(0, "".join(f"{name}\n" for name in known)) if known else End(1, "", "No state file was found!\n")
    if verb[0] == "output":
        raise End(0, ADDRESS) if "hcloud_primary_ip.server" in known else End(1, "", "no output\n")
    if verb[0] == "import":
        imported(world, verb[1], verb[2].partition("-")[0])
    if verb[0] == "apply":
        created(world, inside)
    if verb[0] == "destroy":
        destroyed(world, [word.partition("=")[2] for word in words if word.startswith("-target=")])


def imported(world: World, name: str, given: str) -> None:
    """Take what is there into the state."""
    there = world["cloud"].get(RESOURCES[name], [])
    number = there[0] if RESOURCES[name] in ("subnet", "attachment") and there else int(given)
    if name in world["terraform"] or number not in there:
        raise End(1, "", f"{name} is managed already, or there is none\n")
    world["terraform"][name] = number
    wrote(world, f"import {name}")


def created(world: World, inside: Callable[[], None]) -> None:
    """Make what is missing; a name that is used already is refused."""
    cloud, known = world["cloud"], world["terraform"]
    for name, kind in RESOURCES.items():
        if name in known and known[name] in cloud.get(kind, []):
            continue
        if cloud.get(kind):
            raise End(1, "", f"{name}: uniqueness_error: the name is used already\n")
        world["next"] += 1
        cloud[kind] = [world["next"]]
        world["location"] = ENVIRONMENT["TF_VAR_location"]
        wrote(world, f"create {kind}")
        if ENVIRONMENT.get("INSIDE") == kind:
            inside()
        known[name] = world["next"]


def destroyed(world: World, targets: list[str]) -> None:
    """Delete what is known, or some of it."""
    for name in targets or list(world["terraform"]):
        if RESOURCES[name] == "volume" and not world.get("unprotected"):
            raise End(1, "", "the volume is protected\n")
        world["cloud"].pop(RESOURCES[name], None)
        world["terraform"].pop(name, None)
        wrote(world, f"destroy {RESOURCES[name]}")


def hcloud(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """List and describe what stands at the cloud."""
    kind, verb = words[:2]
    there = world["cloud"].get(kind, [])
    if verb == "list":
        if not option(words, "--selector").startswith(f"{LABEL}="):
            world["violations"].append("hcloud list without a label")
        raise End(0, "".join(f"{each}\n" for each in there))
    if verb == "describe":
        if not there:
            raise End(1, "", f"{kind} not found\n")
        if "Location" in option(words, "--output"):
            raise End(0, world["location"])
        if kind == "network":
            raise End(0, str(len(world["cloud"].get("subnet", []))))
        raise End(0, str(world["cloud"]["server"][0]) if world["cloud"].get("attachment") else "")
    if verb == "disable-protection":
        if not there:
            raise End(1, "", "volume not found\n")
        world["unprotected"] = True
        wrote(world, "unprotect volume")


def ssh(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Nobody logs in."""
    world["violations"].append("somebody logged in")
    raise End(255)
