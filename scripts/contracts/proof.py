"""The proof that the rules bite: imports are planted in a copy of the sources, and each has to break its rule.

Every plant is read from a file of the copy: once it stands at the top of a module, once inside a function, once under
``TYPE_CHECKING``. It is judged alone: the other plants are taken out of what was read. The copy has one app more than
the checkout, and that app has to fall under all rules of apps.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

from checkout import Checkout
from grimp import ImportGraph

from contracts.linting import imports, is_kept, remove_exceptions
from contracts.rules import KIT, Plant, Rule, rules

__all__ = ["prove"]

FORMS = {
    "at the top": "\nimport {}\n",
    "in a function": "\ndef _planted():\n    import {}\n",
    "under TYPE_CHECKING": "\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {}\n",
}

NAMED: tuple[Plant, ...] = (
    ("ibkr_app.broker", "schwab_app.mapping"),
    ("ibkr_app.compose", f"{KIT}.cli.main"),
    (f"{KIT}.services.run.gateway", "fastapi"),
    (f"{KIT}.services.run.gateway", "ib_async"),
)
"""Imports that no rule saw once; each breaks at least one."""

NEWCOMER, NEWCOMER_APP = "apps/newcomer", "newcomer_app"
NEWCOMER_PROJECT = '[project]\nname = "newcomer-app"\ndependencies = ["newcomer-sdk>=1", "quant-platform-kit[web]"]\n'


def prove(root: Path) -> bool:
    """Plant imports in a copy of a checkout, print which of them broke nothing, and return whether there are none."""
    with TemporaryDirectory() as folder:
        tree = _copy(root, Path(folder))
        table = tuple(rules(tree))
        complaints = [*_broken_before(tree, table), *_spared(tree, table)]
        for form in FORMS:
            complaints += _kept_with(form, tree, table)
    for complaint in complaints:
        print(complaint)
    count = len(_plants(table))
    print(f"{len(table)} rules, {count} imports planted in {len(FORMS)} ways, {len(complaints)} complaints")
    return not complaints


def _copy(root: Path, target: Path) -> Checkout:
    """Copy what the rules read, and add an empty app."""
    tree = Checkout(root)
    projects = [f"{member.folder}/pyproject.toml" for member in tree.members]
    sources = [f"{member.folder}/src" for member in tree.members]
    files = [root / name for name in ("pyproject.toml", *projects)]
    files += [file for name in (*sources, *tree.outside, "scripts") for file in (root / name).rglob("*.py")]
    for file in files:
        copied = target / file.relative_to(root)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copied)
    package = target / NEWCOMER / "src" / NEWCOMER_APP
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (target / NEWCOMER / "pyproject.toml").write_text(NEWCOMER_PROJECT)
    return Checkout(target)


def _read(tree: Checkout) -> ImportGraph:
    graph = imports(tree)
    remove_exceptions(graph)
    return graph


def _plants(table: Iterable[Rule]) -> set[Plant]:
    return {*NAMED, *(plant for rule in table for plant in rule.plants)}


def _broken_before(tree: Checkout, table: Sequence[Rule]) -> Iterator[str]:
    """Yield the rules that are broken without a plant, and those that no plant is to break."""
    graph = _read(tree)
    yield from (f"broken before anything is planted: {rule.name}" for rule in table if not is_kept(rule, tree, graph))
    yield from (f"nothing is planted that breaks it: {rule.name}" for rule in table if not rule.plants)


def _kept_with(form: str, tree: Checkout, table: Sequence[Rule]) -> Iterator[str]:
    """Plant all imports in one form; yield those that are not read, and the rules that one of them leaves kept."""
    plants = _plants(table)
    with _planted(tree, plants, FORMS[form]):
        graph = _read(tree)
    for plant in sorted(plants):
        importer, imported = plant
        if imported not in graph.find_modules_directly_imported_by(importer):
            yield f"not read: import {imported} {form} of {importer}"
            continue
        alone = deepcopy(graph)
        for other in plants - {plant}:
            alone.remove_import(importer=other[0], imported=other[1])
        concerned = [rule for rule in table if plant in rule.plants]
        kept = [rule.name for rule in concerned or table if is_kept(rule, tree, alone)]
        if concerned:
            yield from (f"not broken by import {imported} {form} of {importer}: {name}" for name in kept)
        elif len(kept) == len(table):
            yield f"import {imported} {form} of {importer} breaks no rule"


@contextmanager
def _planted(tree: Checkout, plants: Iterable[Plant], text: str) -> Iterator[None]:
    """Write imports at the end of the files of their modules; the files are restored at the end."""
    files = {importer: tree.file(importer) for importer, _ in plants}
    before = {importer: file.read_text("utf-8") for importer, file in files.items()}
    for importer, imported in sorted(plants):
        with files[importer].open("a", encoding="utf-8") as file:
            file.write(text.format(imported))
    try:
        yield
    finally:
        for importer, file in files.items():
            file.write_text(before[importer], "utf-8")


def _spared(tree: Checkout, table: Sequence[Rule]) -> Iterator[str]:
    """Yield the rules that another app falls under, as importer or as what is imported, and the empty one does not."""
    apps = {member.packages[0]: str(member.folder) for member in tree.members if member.is_app}

    def falls_under(app: str) -> set[str]:
        about = (rule.name for rule in table if apps[app] in rule.name or any(app in plant for plant in rule.plants))
        own = (re.sub(rf"\b({app}|{apps[app]})\b", "the app", name).partition(":")[0] for name in about)
        return {re.sub(rf"\b({'|'.join((*apps, *apps.values()))})\b", "another app", name) for name in own}

    newcomer = falls_under(NEWCOMER_APP)
    for name in sorted({name for app in apps for name in falls_under(app)} - newcomer):
        yield f"{NEWCOMER_APP} does not fall under: {name}"
