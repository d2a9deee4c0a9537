"""Finds in a module's syntax whatever could make two runs of the same input differ.

Types are not known here: a set is what is written as one, annotated as one in the module, or made of one. What comes in
from elsewhere as a set is not seen; the simulation's equal traces under other hash seeds are the check for that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["RULES", "Finding", "findings"]

RULES = {
    "clock": "time comes from the Clock port or the store",
    "randomness": "nothing is drawn, but from a seed",
    "uuid": "names are made of what they name",
    "threads": "nothing runs beside it",
    "set order": "a set is iterated in sorted order",
    "hash": "the hash of a str differs from process to process",
}
"""What is forbidden, and what is done instead."""

_MODULES = {
    "time": "clock",
    "random": "randomness",
    "secrets": "randomness",
    "numpy.random": "randomness",
    "uuid": "uuid",
    **dict.fromkeys(("threading", "_thread", "concurrent", "multiprocessing", "asyncio", "subprocess"), "threads"),
}
_ATTRIBUTES = {
    **{
        f"{name}.{way}": "clock"
        for name in ("datetime", "date", "datetime.datetime")
        for way in ("now", "utcnow", "today")
    },
    "datetime.date.today": "clock",
    "os.urandom": "randomness",
    "np.random": "randomness",
    "numpy.random": "randomness",
}
_SETS = ("set", "frozenset", "Set", "AbstractSet", "MutableSet")
_SET_METHODS = ("union", "intersection", "difference", "symmetric_difference", "copy")
_UNORDERED = ("sorted", "set", "frozenset", "any", "all", "min", "max", "len")
"""Calls whose answer does not depend on an order."""
_ORDERED = ("list", "tuple", "iter", "enumerate", "zip", "map", "filter", "reversed", "sum")


@dataclass(frozen=True, slots=True)
class Finding:
    """A place in a module and the rule that it breaks."""

    line: int
    rule: str
    text: str


def findings(source: str) -> list[Finding]:
    """Return what a module does that could differ from run to run, by line."""
    tree = ast.parse(source)
    found = [*_imports(tree), *_names(tree), *_Sets(tree).findings()]
    return sorted(found, key=lambda one: (one.line, one.rule, one.text))


def _imports(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif not isinstance(node, ast.ImportFrom) or not node.module or node.level:
            continue
        else:
            names = [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "Random"]
        for name in names:
            for module, rule in _MODULES.items():
                if name == module or name.startswith(f"{module}."):
                    yield Finding(node.lineno, rule, f"imports {name}")


def _names(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (rule := _ATTRIBUTES.get(ast.unparse(node))):
            yield Finding(node.lineno, rule, ast.unparse(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "Random" and not node.args:
                yield Finding(node.lineno, "randomness", "Random() without a seed")
            if node.func.id in ("hash", "id"):
                yield Finding(node.lineno, "hash", ast.unparse(node))


class _Sets:
    """The sets of a module, as far as its own text tells, and where their order shows."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._names: set[tuple[ast.AST, str]] = set()
        self._bound: set[tuple[ast.AST, str]] = set()
        self._attributes: set[str] = set()
        self._functions: set[str] = set()
        self._parents: dict[ast.AST | None, ast.AST] = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        self._learn()

    def findings(self) -> Iterator[Finding]:
        """Yield every place where the order of a set shows."""
        for node in ast.walk(self._tree):
            for shown in self._shown(node):
                if self._is_set(shown):
                    yield Finding(shown.lineno, "set order", ast.unparse(shown))

    def _learn(self) -> None:
        """Take note of what is annotated as a set, or assigned from one."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef) and self._says_set(node.returns):
                (self._attributes if _is_property(node) else self._functions).add(node.name)
            if isinstance(node, ast.arg):
                self._bind(node, node.arg, is_set=self._says_set(node.annotation))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._bind(node, node.id, is_set=False)
            if isinstance(node, ast.AnnAssign) and self._says_set(node.annotation):
                self._note(node.target)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign) and self._is_set(node.value):
                for target in node.targets:
                    self._note(target)
            if isinstance(node, ast.NamedExpr) and self._is_set(node.value):
                self._note(node.target)

    def _note(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._bind(target, target.id, is_set=True)
            if isinstance(self._parents.get(self._parents.get(target)), ast.ClassDef):
                self._attributes.add(target.id)
        elif isinstance(target, ast.Attribute):
            self._attributes.add(target.attr)

    def _bind(self, node: ast.AST, name: str, *, is_set: bool) -> None:
        scope = self._scope(node)
        self._bound.add((scope, name))
        if is_set:
            self._names.add((scope, name))

    def _scope(self, node: ast.AST) -> ast.AST:
        """Return the function that a node stands in, or the module."""
        while (parent := self._parents.get(node)) is not None:
            node = parent
            if isinstance(node, ast.FunctionDef | ast.Lambda):
                break
        return node

    def _is_set_name(self, node: ast.Name) -> bool:
        """Whether a name is a set in the innermost function that binds it."""
        scope = self._scope(node)
        while (scope, node.id) not in self._bound and scope is not self._tree:
            scope = self._scope(scope)
        return (scope, node.id) in self._names

    def _says_set(self, annotation: ast.expr | None) -> bool:
        if isinstance(annotation, ast.BinOp):
            return self._says_set(annotation.left) or self._says_set(annotation.right)
        kind = annotation.value if isinstance(annotation, ast.Subscript) else annotation
        return isinstance(kind, ast.Name) and kind.id in _SETS

    def _is_set(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name):
            return self._is_set_name(node)
        if isinstance(node, ast.Attribute):
            return node.attr in self._attributes
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
            return any(self._is_set(side) or _is_keys(side) for side in (node.left, node.right))
        if isinstance(node, ast.IfExp):
            return self._is_set(node.body) or self._is_set(node.orelse)
        return isinstance(node, ast.Call) and self._makes_set(node.func)

    def _makes_set(self, called: ast.expr) -> bool:
        if isinstance(called, ast.Subscript):
            called = called.value
        if isinstance(called, ast.Name):
            return called.id in ("set", "frozenset") or called.id in self._functions
        if not isinstance(called, ast.Attribute):
            return False
        return called.attr in self._functions or (called.attr in _SET_METHODS and self._is_set(called.value))

    def _shown(self, node: ast.AST) -> Iterator[ast.expr]:
        """Yield the expressions whose order a node brings to light."""
        if isinstance(node, ast.For):
            yield node.iter
        elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
            if not self._is_unordered(node):
                yield from (generator.iter for generator in node.generators)
        elif isinstance(node, ast.Starred):
            if not isinstance(self._parents[node], ast.Set) and not self._is_unordered(node):
                yield node.value
        elif isinstance(node, ast.YieldFrom):
            yield node.value
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if (name in _ORDERED and not self._is_unordered(node)) or name in ("join", "fromkeys", "extend"):
                yield from node.args[:1] if name == "fromkeys" else node.args

    def _is_unordered(self, node: ast.AST) -> bool:
        """Whether what a node makes goes straight to a call that does not care for an order."""
        parent = self._parents.get(node)
        return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in _UNORDERED


def _is_property(node: ast.FunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def _is_keys(node: ast.expr) -> bool:
    """Whether it is the keys of a mapping, of which set operations make a set."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"
