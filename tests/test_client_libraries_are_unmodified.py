"""No code here patches a broker's client library: what is tested is what its vendor ships."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("checkout", CHECKOUT / "scripts/checkout.py")
assert SPEC is not None
assert SPEC.loader is not None
checkout = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = checkout
SPEC.loader.exec_module(checkout)

TREE = checkout.Checkout(CHECKOUT)
PUBLIC = ("event_hooks",)
"""What a library offers to be set, on an object of one's own."""
LIBRARIES = {name for app in TREE.members if app.is_app for name in TREE.client_libraries(app)}
ROOTS = [*CHECKOUT.glob("apps/*/src"), *CHECKOUT.glob("packages/*/src"), *CHECKOUT.glob("apps/*/tests")]


def patches(source: str) -> Iterator[str]:
    """Yield every assignment to an attribute of a name that a library was imported under, and every setattr on one."""
    tree = ast.parse(source)
    names = set(_imported(tree))
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []
        targets += node.targets if isinstance(node, ast.Delete) else []
        written = (each for each in targets if isinstance(each, ast.Attribute) and each.attr not in PUBLIC)
        yield from (ast.unparse(each) for each in written if _root(each) in names)
        if isinstance(node, ast.Call) and "setattr" in ast.unparse(node.func) and node.args:
            name = ast.unparse(node.args[0]).strip("'\"")
            if name.split(".")[0] in names | LIBRARIES or ".sdk" in name:
                yield ast.unparse(node)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.asname or a.name.split(".")[0] for a in node.names if a.name.split(".")[0] in LIBRARIES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in LIBRARIES:
            yield from (alias.asname or alias.name for alias in node.names)
        if isinstance(node, ast.Assign) and "load_sdk(" in ast.unparse(node.value):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_no_module_of_an_app_or_a_package_patches_a_client_library() -> None:
    assert {"ib_async", "ib_insync", "longbridge", "longport", "schwab"} <= LIBRARIES
    files = [file for root in ROOTS for file in root.rglob("*.py")]
    assert len(files) > 100
    found = {str(file.relative_to(CHECKOUT)): list(patches(file.read_text("utf-8"))) for file in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import ib_async\nib_async.IB.connect = None",
        "import ib_async as sdk\nsdk.wrapper.Wrapper.error = None",
        "from ib_async import IB\nIB.connect = None",
        "from schwab import auth\nauth.x += 1",
        "import longport\ndel longport.openapi",
        "import ib_async\nsetattr(ib_async.IB, 'connect', None)",
        "monkeypatch.setattr('ib_insync.ib.IB.connect', None)",
        "sdk = load_sdk()\nsdk.IB = None",
    ],
)
def test_a_patch_would_be_found(source: str) -> None:
    assert list(patches(source))


def test_using_a_library_is_no_patch() -> None:
    assert not list(
        patches("import ib_async\nib = ib_async.IB()\nib.RaiseRequestErrors = False\nsetattr(self, 'x', 1)")
    )
