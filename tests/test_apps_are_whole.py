"""What an app's wheel has to carry, so that its service finds it where no checkout is."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

APPS = sorted(path.parent for path in Path(__file__).resolve().parents[1].glob("apps/*/platform.toml"))


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_an_installed_app_has_its_platform_and_tells_the_kit_of_it(app: Path) -> None:
    project: dict[str, Any] = tomllib.loads((app / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"platform.toml": f"{app.name}_app/platform.toml"}
    told = project["project"]["entry-points"]["quant.platforms"]
    assert told == {app.name: f"{app.name}_app.platform:description"}
