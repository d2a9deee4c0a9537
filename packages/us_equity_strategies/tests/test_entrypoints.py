"""The installed package: what it offers through entry points, what it needs, and what importing it costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points, metadata, requires
from pathlib import Path

import pytest
from us_equity_strategies.catalog import CATALOG

SCRIPT = Path(sysconfig.get_path("scripts")) / "quant"


def run(*command: str) -> str:
    """Run a command in an environment of its own and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Return the modules a fresh interpreter holds after importing the catalog, and nothing it held before."""
    code = (
        "import sys; before = set(sys.modules); import us_equity_strategies.catalog; import json; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    return set(json.loads(run(sys.executable, "-c", code)))


def test_the_entry_point_group_of_strategies_delivers_the_catalog() -> None:
    entry = next(entry for entry in entry_points(group="quant.strategies") if entry.name == "us_equity")
    assert entry.value == "us_equity_strategies.catalog:CATALOG"
    assert entry.load() is CATALOG


def test_the_quant_command_is_installed() -> None:
    (entry,) = entry_points(group="console_scripts", name="quant")
    assert entry.value == "quant_platform_kit.cli.main:main"
    assert callable(entry.load())


def test_the_quant_command_finds_the_catalog_from_anywhere(tmp_path: Path) -> None:
    rows = json.loads(run(str(SCRIPT), "profiles", "--json", "--root", str(tmp_path)))
    assert set(CATALOG) <= {row["profile"] for row in rows}


def test_the_package_requires_the_kit_that_is_installed_by_version_or_tag() -> None:
    (requirement,) = (line for line in requires("us-equity-strategies") or () if "quant-platform-kit" in line)
    version = re.escape(metadata("quant-platform-kit")["Version"])
    tag = rf" @ git\+\S+@quant-platform-kit-v{version}#subdirectory=packages/quant_platform_kit"
    assert re.fullmatch(rf"quant-platform-kit(=={version}|{tag})", requirement)


def test_the_catalog_imports_the_domain_of_the_kit_and_none_of_its_other_rooms(imported: set[str]) -> None:
    rooms = {name.split(".")[1] for name in imported if name.startswith("quant_platform_kit.")}
    assert rooms == {"domain"}


@pytest.mark.parametrize("library", ["pandas", "pyarrow", "typer", "rich", "loguru", "jinja2", "httpx", "requests"])
def test_the_catalog_does_not_load(library: str, imported: set[str]) -> None:
    assert library not in {name.partition(".")[0] for name in imported}
