"""Contracts of import-linter, made from the rules and checked against the imports that stand in the files."""

from __future__ import annotations

import sys
from copy import deepcopy

import grimp
from checkout import Checkout
from importlinter import Contract, ContractCheck
from importlinter.application import output
from importlinter.configuration import configure
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

from contracts.only import OnlyContract
from contracts.rules import EXCEPTIONS, Rule, rules

__all__ = ["check", "imports", "is_kept", "remove_exceptions"]

TYPES: dict[str, type[Contract]] = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
    "only": OnlyContract,
    "protected": ProtectedContract,
}

configure()


def imports(tree: Checkout) -> grimp.ImportGraph:
    """Read all imports of a tree, those inside functions and under ``TYPE_CHECKING`` too."""
    known = list(sys.path)
    sys.path[:0] = [str(path) for path in tree.import_paths]
    try:
        return grimp.build_graph(
            *tree.packages,
            *tree.outside,
            include_external_packages=True,
            exclude_type_checking_imports=False,
            cache_dir=None,
        )
    finally:
        sys.path[:] = known


def is_kept(rule: Rule, tree: Checkout, graph: grimp.ImportGraph) -> bool:
    """Return whether the imports of a graph keep a rule."""
    _, result = _checked(rule, tree, graph)
    return result.kept


def check(tree: Checkout) -> bool:
    """Check every rule, print what breaks one, and return whether all are kept."""
    graph = imports(tree)
    stale = remove_exceptions(graph)
    for importer, imported in stale:
        output.print_error(f"{importer} no longer imports {imported}: take it off the EXCEPTIONS")
    count = failed = 0
    for rule in rules(tree):
        contract, result = _checked(rule, tree, graph)
        count += 1
        print(f"{'kept' if result.kept else 'BROKEN':8}{rule.name}")
        if not result.kept:
            failed += 1
            contract.render_broken_contract(result)
    print(f"{count - failed} rules kept, {failed} broken; {len(graph.modules)} modules, {len(EXCEPTIONS)} exceptions")
    return not failed and not stale


def remove_exceptions(graph: grimp.ImportGraph) -> list[tuple[str, str]]:
    """Remove the imports that are let through; return those that are not there any more."""
    there = [
        (importer, imported)
        for importer, imported in EXCEPTIONS
        if importer in graph.modules and imported in graph.find_modules_directly_imported_by(importer)
    ]
    for importer, imported in there:
        graph.remove_import(importer=importer, imported=imported)
    return [pair for pair in EXCEPTIONS if pair not in there]


def _checked(rule: Rule, tree: Checkout, graph: grimp.ImportGraph) -> tuple[Contract, ContractCheck]:
    """Return the contract of a rule, and what it finds."""
    graph = deepcopy(graph)
    for library in rule.options.get("protected_modules", ()):
        if library not in graph.modules:
            graph.add_module(library, is_squashed=True)  # nothing imports it
    session = {"root_packages": [*tree.packages, *tree.outside], "include_external_packages": True}
    contract = TYPES[rule.type](rule.name, session, dict(rule.options))
    return contract, contract.check(graph, verbose=False)
