"""The rules: who may import whom.

Apps, packages, venues, client libraries and so on are found in the tree; a new one falls under the rules as it is
added. Imports inside functions and under ``TYPE_CHECKING`` count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from checkout import Checkout, Member

__all__ = ["KIT", "Plant", "Rule", "rules"]

KIT = "quant_platform_kit"
SANDBOX = "venue_sandbox"
STANDS = f"{SANDBOX}.stands"
RELEASE = "quant_release"
SNAPSHOTS = "snapshot_pipelines"
PLAYBOOK = "trading_playbook"

KAFKA = ("confluent_kafka",)
TRACES = ("opentelemetry",)
WEB_LIBRARIES = ("anyio", "fastapi", "starlette", "uvicorn")
TEMPLATE_LIBRARIES = ("jinja2", "markupsafe")
STORE_AND_CLOUD_LIBRARIES = ("apprise", "google", "psycopg", "requests", "sqlalchemy", "urllib3")

ROOMS_OF_APPS = {
    "bus": ("aio_pika",),
    "cache": ("redis",),
    "database": ("alembic", "psycopg", "sqlalchemy"),
    "operations": ("aiohttp", "prometheus_client"),
    "tq": ("tqsdk",),
    "venues": ("base58", "nacl", "websockets"),
}
"""Rooms of apps, and the libraries that an app which asks for them imports there and nowhere else."""

ROOMS_OF_VENUES = {
    "ingest": ("websockets",),
    "normalize": (),
    "execute": ("aiohttp", "base58", "nacl", "websockets"),
}
"""The same, of the rooms that each venue below an app's ``venues`` has."""

PLAYBOOK_LIBRARIES = {"pymongo": "writers", "resvg_py": "observe"}
"""Libraries of the playbook's extras, and the room that imports each."""

Plant = tuple[str, str]


@dataclass(frozen=True)
class Rule:
    """One contract of import-linter.

    Attributes
    ----------
    name
        The rule as a sentence.
    type
        Its contract type.
    options
        Of the contract type.
    plants
        Imports that break it, importer and imported.
    """

    name: str
    type: str
    options: dict[str, Any]
    plants: tuple[Plant, ...]


def rules(tree: Checkout) -> Iterator[Rule]:
    """Yield all rules that hold in a tree."""
    yield from _rooms_of_the_kit(tree)
    yield from _strategies_and_apps(tree)
    yield from _libraries(tree)
    yield from _what_is_deployed(tree)
    yield from _rooms_of_the_tools(tree)
    yield from _outermost(tree)


def _rooms_of_the_kit(tree: Checkout) -> Iterator[Rule]:
    yield _layers(
        tree,
        KIT,
        ("notebook",),
        ("cli", "events", "testing", "web"),
        ("runtime", "sweep_request"),
        ("backtest_request", "paper"),
        ("adapters", "report", "services"),
        ("ports",),
        ("domain",),
    )
    yield _layers(tree, f"{KIT}.services", ("observe", "research"), ("run",), ("operate",), ("record",))
    yield _layers(
        tree,
        f"{KIT}.runtime",
        ("order_tests", "preflight", "run_accounts", "version"),
        ("service", "stopping"),
        ("gathering", "settings"),
    )
    playbook = tuple(f"{PLAYBOOK}.{room}" for room in ("config", "web"))
    commands = _kit("cli.brief", "cli.broker", "cli.order_test")
    known_to = (*_kit("events", "web"), *commands, *playbook, *tree.apps, STANDS, *tree.outside)
    yield _known_to(tree, "Only commands that act as a service know the runtime", _kit("runtime"), known_to)
    strangers = (*tree.apps, "fastapi", "google")
    yield _only(f"{KIT}.domain", ("numpy",), (*strangers, "pydantic", *_kit("ports")))
    yield _only(f"{KIT}.ports", _kit("domain"), (*strangers, "pydantic", "numpy", *_kit("services")))
    below = (*_kit("domain", "ports"), "cronsim", "numpy", "pydantic")
    above = (*_kit("adapters", "events", "paper", "report", "runtime"), *KAFKA)
    yield _only(f"{KIT}.services", below, (*strangers, *above))


def _strategies_and_apps(tree: Checkout) -> Iterator[Rule]:
    strategies_see = (*_kit("domain"), "numpy", "pydantic")
    apps_see = (
        *_kit("adapters", "domain", "paper", "ports", "runtime", "services", "web"),
        *("loguru", "pydantic", "pydantic_settings", "typer"),
    )
    for member in tree.members:
        others = tuple(name for name in tree.packages if name not in (KIT, *member.packages))
        for package in member.packages:
            if member.has_strategies:
                yield _only(package, strategies_see, (*others, *_kit("ports", "services", "web"), "pyarrow"))
            if member.is_app:
                own = sorted(member.requires.union(library for _, library in _rooms_of(tree, member)))
                closed = (*WEB_LIBRARIES, *TEMPLATE_LIBRARIES, *STORE_AND_CLOUD_LIBRARIES, *KAFKA)
                events, no_events = _kit("events"), ()
                if not member.comes_with.intersection(KAFKA):
                    events, no_events = no_events, events
                planted = (*_kit("cli", "testing"), *no_events, *(name for name in closed if name not in own))
                playbook = tuple(member.stands_on.intersection({PLAYBOOK}))
                strange = (name for name in others if name not in playbook)
                yield _only(package, (*apps_see, *events, *playbook, *own), (*strange, *planted))
    of_kit = ("adapters", "cli", "domain", "ports", "report", "runtime", "services", "sweep_request", "web")
    playbook_sees = (*_kit(*of_kit), "numpy")
    playbook_needs = ("loguru", "pydantic", "pydantic_settings", "rich", "typer", *PLAYBOOK_LIBRARIES)
    others = tuple(package for package in tree.packages if package not in (KIT, PLAYBOOK))
    strangers = (*others, *_kit("testing"), *STORE_AND_CLOUD_LIBRARIES, "pyarrow")
    allowed = (*playbook_sees, *playbook_needs, *TEMPLATE_LIBRARIES, "anyio", "fastapi")
    yield _only(PLAYBOOK, allowed, strangers)
    for library, room in PLAYBOOK_LIBRARIES.items():
        name = f"Of the playbook only {room} knows {library}"
        yield _known_to(tree, name, (library,), (f"{PLAYBOOK}.{room}", *tree.outside))
    behind = [name for name in tree.rooms(PLAYBOOK) if name != f"{PLAYBOOK}.web"]
    yield _not_itself("Of the playbook only its web room knows kit.web", behind, _kit("web"))
    yield _known_to(tree, "Only stands, campaigns and benchmarks import apps", tree.apps, (STANDS, *tree.outside))
    yield Rule(
        "Apps are independent of each other",
        "independence",
        {"modules": tree.apps},
        tuple((one, other) for one in tree.apps for other in tree.apps if one != other),
    )


def _libraries(tree: Checkout) -> Iterator[Rule]:
    for member in tree.members:
        if member.is_app and (own := tree.client_libraries(member)):
            known_to = (*member.packages, *tree.outside)
            yield _known_to(tree, f"Only {member.folder} imports its client library", own, known_to)
    homes = _homes(tree)
    for library, rooms in sorted(homes.items()):
        named = " or ".join(sorted({name.rpartition(".")[2] for name in rooms}))
        elsewhere = (_at_home(member) for member in tree.members if library in member.requires and not member.is_app)
        known_to = (*rooms, *(name for names in elsewhere for name in names), *tree.outside)
        yield _known_to(tree, f"Of apps only the room {named} imports {library}", (library,), known_to)
    for name, libraries, rooms in (
        ("HTTP stands in kit.web and the playbook's service", WEB_LIBRARIES, ("web",)),
        ("Kafka stands in kit.events", KAFKA, ("events",)),
        ("Traces stand in kit.adapters, and their test double in kit.testing", TRACES, ("adapters", "testing")),
        (
            "Templates stand in kit.web, kit.report and the pages of snapshots and the playbook",
            TEMPLATE_LIBRARIES,
            ("report", "web"),
        ),
        (
            "Stores, clouds and senders of notices stand in kit.adapters and release.cloud",
            tuple(name for name in STORE_AND_CLOUD_LIBRARIES if name not in homes),
            ("adapters",),
        ),
    ):
        deploying = (f"{RELEASE}.cloud", f"{RELEASE}.demo") if "google" in libraries else ()
        drawing = (f"{SNAPSHOTS}.page", f"{PLAYBOOK}.page") if libraries is TEMPLATE_LIBRARIES else ()
        serving = (f"{PLAYBOOK}.web",) if libraries is WEB_LIBRARIES else ()
        yield _known_to(tree, name, libraries, (*_kit(*rooms), *deploying, *drawing, *serving, *tree.outside))


def _what_is_deployed(tree: Checkout) -> Iterator[Rule]:
    deployed = [package for member in tree.members if member.is_deployed for package in member.packages]
    never = [package for package in tree.packages if package not in deployed]
    not_deployed = (*never, *tree.outside, f"{KIT}.testing", f"{PLAYBOOK}.testing")
    sources = _everywhere_but(tree, *not_deployed)
    name = "Nothing deployed reaches test suites, the sandbox or the release tool, not even through others"
    yield _unreached(name, sources, not_deployed)
    others = [package for package in tree.packages if package != KIT]
    yield _unreached("The kit knows no other package of the workspace", [KIT], others)


def _rooms_of_the_tools(tree: Checkout) -> Iterator[Rule]:
    yield _layers(tree, SANDBOX, ("cli",), ("demo",), ("stands",), ("cloud", "venues"), ("exchange",), ("servers",))
    for room, *shared in (
        ("venues", ("http",)),
        ("cloud", ("enforcing",), ("values",), ("database", "rest"), ("policies",), ("accounts", "roles")),
        (
            "stands",
            ("futures", "futures_memory", "futures_rows", "ibkr", "longbridge", "near", "schwab"),
            ("registry",),
            ("exchange_stand", "platform", "replaying", "supervised", "tqsdk"),
            ("stand",),
        ),
    ):
        below = {name for layer in shared for name in layer}
        names = (name.rpartition(".")[2] for name in tree.rooms(f"{SANDBOX}.{room}"))
        yield _layers(tree, f"{SANDBOX}.{room}", tuple(name for name in names if name not in below), *shared)
    yield Rule(
        "No circles inside any package",
        "acyclic_siblings",
        {"ancestors": (*tree.packages, *tree.outside)},
        ((f"{KIT}.ports", f"{KIT}.services"), (f"{SANDBOX}.servers", f"{SANDBOX}.exchange")),
    )
    yield _layers(
        tree,
        RELEASE,
        ("cli",),
        ("testing",),
        ("demo",),
        ("inspect",),
        ("run",),
        ("cloud", "rolling"),
        ("bundle", "images"),
        ("rolls",),
        ("repository", "words"),
        ("commands",),
        ("settings", "steps"),
    )
    yield _layers(tree, SNAPSHOTS, ("__main__",), ("cli",), ("job", "page"), ("publish",), ("build",), ("settings",))
    yield _layers(
        tree,
        PLAYBOOK,
        ("cli", "testing", "web"),
        ("compose",),
        ("daily",),
        ("observe", "page", "swept"),
        ("live",),
        ("backtest", "costs"),
        ("attempts",),
        ("figures", "sources", "writers"),
        ("config", "days", "journal"),
        ("dp20",),
    )
    apps_and_more = tuple(package for package in tree.packages if package not in (KIT, RELEASE, SANDBOX))
    for_rehearsals = (STANDS, f"{SANDBOX}.demo.market", f"{KIT}.testing.synthetic")
    yield _only(
        RELEASE,
        (
            *_kit("adapters", "cli", "domain", "ports", "services"),
            *(f"{SANDBOX}.servers", "google", "pydantic", "requests", "rich", "typer"),
            *for_rehearsals,
        ),
        (*apps_and_more, *_kit("runtime", "testing.simulation", "web"), f"{SANDBOX}.venues"),
    )
    at_work = [name for name in tree.rooms(RELEASE) if name != f"{RELEASE}.demo"]
    yield _not_itself("Of the release tool only its demo knows stands and invented markets", at_work, for_rehearsals)


def _outermost(tree: Checkout) -> Iterator[Rule]:
    yield _known_to(tree, "Nothing imports a script", tree.scripts, ())
    yield _known_to(tree, "No package imports campaigns or benchmarks", tree.outside, tree.outside)
    yield Rule("Campaigns know no benchmarks", "layers", {"layers": ["bench", "chaos"]}, (("chaos", "bench"),))


# --- what the rules are made of ----------------------------------------------------------------


def _rooms_of(tree: Checkout, app: Member) -> Iterator[tuple[str, str]]:
    """Yield the rooms of an app that are there for a library it asks for, each with the library."""
    for package in app.packages:
        for room in tree.rooms(package):
            libraries = ROOMS_OF_APPS.get(room.rpartition(".")[2], ())
            yield from ((room, name) for name in libraries if name in app.requires | app.comes_with)
        yield from _rooms_of_venues(tree, app, f"{package}.venues")


def _rooms_of_venues(tree: Checkout, app: Member, venues: str) -> Iterator[tuple[str, str]]:
    """Yield the rooms of an app's venues that are there for a library, each with the library."""
    if venues in tree.rooms(venues.partition(".")[0]):
        for room in (room for venue in tree.rooms(venues) for room in tree.rooms(venue)):
            libraries = ROOMS_OF_VENUES.get(room.rpartition(".")[2], ())
            yield from ((room, name) for name in libraries if name in app.requires)


def _homes(tree: Checkout) -> dict[str, tuple[str, ...]]:
    """Return by library in which rooms of apps it stands."""
    found = [pair for member in tree.members if member.is_app for pair in _rooms_of(tree, member)]
    return {library: tuple(room for room, other in found if other == library) for _, library in found}


def _at_home(member: Member) -> tuple[str, ...]:
    """Return where a member that is no app imports the libraries of such rooms."""
    return _kit("adapters") if KIT in member.packages else member.packages


def _kit(*rooms: str) -> tuple[str, ...]:
    return tuple(f"{KIT}.{room}" for room in rooms)


def _everywhere_but(tree: Checkout, *left_out: str) -> tuple[str, ...]:
    """Return all packages but those; a package of which a room is left out stands there by its other rooms."""
    found: list[str] = []
    for package in (*tree.packages, *tree.outside):
        split = any(name.startswith(f"{package}.") for name in left_out)
        found += tree.rooms(package) if split else [package]
    return tuple(name for name in found if name not in left_out)


def _only(package: str, allowed: Iterable[str], planted: Iterable[str]) -> Rule:
    """Return the rule of what a package may import beside itself and the standard library."""
    options = {"package": package, "allowed": tuple(allowed)}
    named = ", ".join(sorted(name.replace(KIT, "kit") for name in options["allowed"]))
    return Rule(f"{package} may import: {named}", "only", options, tuple((package, other) for other in planted))


def _known_to(tree: Checkout, name: str, modules: Sequence[str], importers: Sequence[str]) -> Rule:
    """Return the rule that modules or libraries are imported by some only."""
    others = _everywhere_but(tree, *modules, *importers)
    plants = {(other, modules[0]) for other in others} | {(others[0], module) for module in modules}
    options = {"protected_modules": list(modules), "allowed_importers": list(importers)}
    return Rule(name, "protected", options, tuple(sorted(plants)))


def _unreached(name: str, sources: Sequence[str], unreached: Sequence[str]) -> Rule:
    """Return the rule that no chain of imports leads from some modules to others."""
    plants = {(one, unreached[0]) for one in sources} | {(sources[0], other) for other in unreached}
    options = {"source_modules": list(sources), "forbidden_modules": list(unreached)}
    return Rule(name, "forbidden", options, tuple(sorted(plants)))


def _not_itself(name: str, sources: Sequence[str], forbidden: Sequence[str]) -> Rule:
    """Return the rule that some modules do not import others themselves; through others they may."""
    options = {
        "source_modules": list(sources),
        "forbidden_modules": list(forbidden),
        "allow_indirect_imports": "true",
    }
    return Rule(name, "forbidden", options, tuple((one, other) for one in sources for other in forbidden))


def _layers(tree: Checkout, package: str, *layers: tuple[str, ...]) -> Rule:
    """Return the rule of a package's layers, the highest first; each module of the package stands in one."""
    options = {
        "containers": [package],
        "layers": [" | ".join(layer) for layer in layers],
        "exhaustive": "true",
    }
    upwards = ((low, high) for above, below in pairwise(layers) for low in below for high in above)
    beside = ((one, other) for layer in layers for one in layer for other in layer if one != other)
    plants = tuple((f"{package}.{one}", f"{package}.{other}") for one, other in (*upwards, *beside))
    return Rule(f"Layers of {package}: {' > '.join(options['layers'])}", "layers", options, plants)
