"""`quant new`: what one begins with, as a folder that works at once."""

from __future__ import annotations

import json as json_text
import re
from importlib.metadata import distribution
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["app"]

KIT = "quant-platform-kit"
TEMPLATES = Path(__file__).with_name("new_strategy")
PLACES = {"src/init.py": "src/{}/__init__.py", "src/strategy.py": "src/{}/strategy.py"}
"""Where a template's file goes that has the package's name in its path."""
NAME = re.compile(r"[a-z][a-z0-9]{0,19}(_[a-z0-9]{1,20}){0,3}")

app = typer.Typer(help="Begin something of your own.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Begin something of your own."""


@app.command("strategy")
def strategy(
    name: Annotated[str, typer.Argument(help="Of the profile and its package, such as my_trend.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the folder of that name is made.")] = Path(),
    json: JsonOption = False,
) -> None:
    """Make a package with a strategy: entry point, tests, golden decisions, no look-ahead; whole or not at all."""
    target = out / name
    _check(name, target)
    files = _files(name, target)
    try:
        with TemporaryDirectory(dir=out) as beside:
            made = Path(beside) / name
            for path, text in files.items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_text(text, "utf-8")
            made.rename(target)
    except OSError as error:
        raise InvalidInput(f"--out {out}: {error.strerror}; name a folder that is there and can be written") from None
    if json:
        print_json({"profile": name, "folder": str(target), "files": sorted(files)})
        return
    for path in sorted(files):
        console().print(f"{target / path}", soft_wrap=True, highlight=False, markup=False)


def _check(name: str, target: Path) -> None:
    """Refuse a name that cannot be used, or is."""
    if not NAME.fullmatch(name) or iskeyword(name):
        raise InvalidInput(f"{name!r} is no name of a profile; write up to four short words as my_trend")
    if target.exists():
        raise InvalidInput(f"{target} exists; nothing was written: choose another name, or another --out")
    if name in catalog() or find_spec(name) is not None:
        raise InvalidInput(f"{name} is installed already: choose another name")


def _files(name: str, target: Path) -> dict[str, str]:
    """Return the text of every file by its path."""
    kit, source = _kit(target)
    words = name.split("_")
    values = {
        "profile": name,
        "distribution": name.replace("_", "-"),
        "class_name": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
        "kit": json_text.dumps(kit),
        "source": source,
    }
    found: dict[str, str] = {}
    for template in sorted(TEMPLATES.rglob("*.in")):
        path = template.relative_to(TEMPLATES).with_suffix("").as_posix()
        found[PLACES.get(path, path).format(name)] = Template(template.read_text("utf-8")).substitute(values)
    return found


def _kit(target: Path) -> tuple[str, str]:
    """Return how the package requires the kit that made it, and where uv finds that one."""
    installed = distribution(KIT)
    origin: dict[str, Any] = json_text.loads(installed.read_text("direct_url.json") or "{}")
    if vcs := origin.get("vcs_info"):
        place = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
        return f"{KIT} @ {vcs['vcs']}+{origin['url']}@{vcs.get('requested_revision', vcs['commit_id'])}{place}", ""
    if "dir_info" not in origin:
        return f"{KIT}>={installed.version}", ""
    folder = Path(unquote(urlsplit(str(origin["url"])).path))
    here = target.resolve().parent == folder.parent
    source = "workspace = true" if here else f"path = {json_text.dumps(str(folder))}, editable = true"
    return KIT, f"\n[tool.uv.sources]\n{KIT} = {{ {source} }}\n"
