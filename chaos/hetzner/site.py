"""A workstation and the world it bootstraps: a checkout, doubles of the programs, and what came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.hetzner.doubles.call import MODULES

__all__ = ["CANARIES", "NAME", "Ran", "Site", "checkout", "secrets_file"]

ROOT = Path(__file__).resolve().parents[2]
DOUBLES = Path(__file__).with_name("doubles")
DOUBLED = tuple(MODULES)
RECORDED = ("awk", "base64", "openssl", "python3")
"""Programs that are real, and that secrets are near to: their words are written down too."""
NAME = "trading-1"
CANARIES: Mapping[str, str] = {
    "HCLOUD_TOKEN": "canary0hcloud0" + 50 * "a",
    "EVENT_TRADING_NEAR_KEY": "ed25519:canary0key0\"'\\$x",
    "EVENT_TRADING_NEAR_TOKEN": "canary0near0token",
    "NOTIFY_URLS": "mailto://someone:canary0mail@example.org",
    "POSTGRES_PASSWORD": "canary0ledger0password",
    "FORGEJO_ADMIN_PASSWORD": 'canary0admin "0\\ password',
    "FORGEJO_SECRET_KEY": "canary0forge0key",
    "FORGEJO_RUNNER_SECRET": "cafe0123456789abcdef0123456789abcdefcafe",
}
"""A value for each secret, by which it would be known again anywhere."""
PLAIN: Mapping[str, str] = {
    "OPERATOR_ADDRESSES": "198.51.100.7/32,198.51.100.8/32",
    "SERVER_NAME": NAME,
    "SERVER_LOCATION": "fsn1",
    "SERVER_TYPE": "cpx41",
    "EVENT_TRADING_ACCOUNT": "solver.near",
    "FORGEJO_ADMIN": "operator",
    "FORGEJO_ADMIN_MAIL": "operator@example.org",
    "FORGEJO_REPOSITORY": "quant-platform",
}
COPIED = (
    ".gitignore",
    "apps/event_trading/Dockerfile",
    "apps/event_trading/pyproject.toml",
    "deploy",
    "infra/terraform/hetzner",
    "packages/quant_platform_kit/README.md",
    "scripts/backup.sh",
    "scripts/deploy/event_trading",
    "scripts/hetzner",
    "scripts/keeping",
    "scripts/pins.sh",
    "scripts/restore.sh",
)
RUN_SECONDS = 600.0


def secrets_file(**changed: str) -> str:
    """Return the file of secrets, some of them changed."""
    return "# invented\n" + "".join(f"{name}={value}\n" for name, value in {**PLAIN, **CANARIES, **changed}.items())


def checkout(folder: Path) -> Path:
    """Make the checkout that bootstrap is run in, of a commit, with every pin filled in; return it."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".terraform*", "*.env", "rendered"))
        else:
            shutil.copy(source, target)
    pins = folder / "deploy" / "images.toml"
    text = pins.read_text("utf-8").replace('digest = "UNPINNED"', f'digest = "sha256:{64 * "1"}"')
    pins.write_text(text.replace('sha256 = "UNPINNED"', f'sha256 = "{64 * "2"}"'), "utf-8")
    assert "UNPINNED" not in json.dumps(tomllib.loads(pins.read_text("utf-8")))
    written = folder / "deploy" / "k8s" / "images" / "kustomization.yaml"
    ours, mark, others = written.read_text("utf-8").partition("digest: UNPINNED }\n")
    written.write_text(ours + mark + others.replace("digest: UNPINNED", f"digest: sha256:{64 * '1'}"), "utf-8")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message=All"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@dataclass(frozen=True)
class Ran:
    """A run of a script: its status, negative for a signal, and what it said."""

    status: int
    said: str


class Site:
    """A workstation with doubles, and the world they change.

    Parameters
    ----------
    folder
        Where all of it is; `checkout` is copied there.
    """

    def __init__(self, folder: Path, pristine: Path) -> None:
        self.root, self.world_folder = folder / "checkout", folder / "world"
        shutil.copytree(pristine, self.root, symlinks=True)
        self.world_folder.mkdir()
        self.programs = programs = folder / "programs"
        programs.mkdir()
        shutil.copytree(DOUBLES, programs / "doubles", ignore=shutil.ignore_patterns("__pycache__"))
        text = f"#!{sys.executable} -SEs\nfrom doubles import call\n\ncall.main()\n"
        for name in DOUBLED:
            _program(programs / name, text)
        for name in RECORDED:
            real = sys.executable if name == "python3" else shutil.which(name)
            _program(programs / name, f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >>"$DOUBLES/words"\nexec {real} "$@"\n')
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(folder),
            "DOUBLES": str(self.world_folder),
            "REAL_GIT": shutil.which("git") or "git",
            "BOOTSTRAP_POLL_SECONDS": "0.02",
            "BOOTSTRAP_API_SECONDS": "120",
            "BOOTSTRAP_ROLLOUT_SECONDS": "120",
        }
        self.write_secrets(secrets_file())

    def copied(self, folder: Path) -> Site:
        """Return another workstation with the same checkout, before the same world."""
        other = Site(folder / "copy", self.root)
        shutil.copytree(self.world_folder, other.world_folder, dirs_exist_ok=True)
        return other

    def edit(self, **changed: object) -> None:
        """Change the world behind everybody's back."""
        (self.world_folder / "world.json").write_text(json.dumps({**self.world, **changed}), "utf-8")

    def write_secrets(self, text: str, mode: int = 0o600) -> None:
        """Write the file of secrets."""
        path = self.root / "scripts" / "hetzner" / "bootstrap-secrets.env"
        path.write_text(text, "utf-8")
        path.chmod(mode)

    def run(self, *words: str, script: str = "bootstrap", typed: str = "", **variables: str) -> Ran:
        """Run a script; whatever it has started ends with it."""
        command = ["bash", f"scripts/hetzner/{script}.sh", *words]
        with subprocess.Popen(
            command,
            cwd=self.root,
            env={**self.environment, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(typed, timeout=RUN_SECONDS)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        return Ran(process.returncode, said)

    def meet(self, call: int, what: str) -> None:
        """Let a call meet a fault."""
        (self.world_folder / "fault.json").write_text(json.dumps({"call": call, "what": what}), "utf-8")

    @property
    def world(self) -> dict[str, Any]:
        """What the doubles keep."""
        path = self.world_folder / "world.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else {"calls": 0, "writes": [], "violations": []}

    @property
    def calls(self) -> list[tuple[str, list[str]]]:
        """Every call of a double so far."""
        lines = (self.world_folder / "calls.jsonl").read_text("utf-8").splitlines()
        return [(program, words) for program, words in map(json.loads, lines)]

    def faults(self) -> list[str]:
        """Return what is not as it has to be after a bootstrap that ended well."""
        world = self.world
        operator = world["users"].get("operator", {})
        place = f"{PLAIN['FORGEJO_ADMIN']}/{PLAIN['FORGEJO_REPOSITORY']}"
        wrong = {
            "one of everything": {kind: len(each) for kind, each in world["cloud"].items()} != dict.fromkeys(_KINDS, 1),
            "all in Terraform's state": len(world["terraform"]) != len(_KINDS),
            "one administrator": len(world["users"]) != 1 or not operator.get("admin"),
            "the password of the file": operator.get("password") != CANARIES["FORGEJO_ADMIN_PASSWORD"],
            "no key left": bool(operator.get("tokens")),
            "one repository": world["repositories"] != [place],
            "it has a branch": list(world["branches"]) != [place],
            "one runner": list(world["runners"].values()) != [place],
            "services run what is in the registry": world["objects"].get("services") not in world["registry"].values(),
            "a ledger that was halted": not world["ledger"].get("halted"),
            "kubeconfig for its owner only": _mode(self.root / ".state" / "hetzner" / "kubeconfig.yaml") != 0o600,
        }
        return [*world["violations"], *(f"not {what}" for what, is_wrong in wrong.items() if is_wrong)]

    def leaks(self, *said: str) -> list[str]:
        """Return where a canary is that must not be: words of processes, what was said, files that git would take."""
        places = {f"said {number}": text for number, text in enumerate(said)}
        places["words of doubles"] = (self.world_folder / "calls.jsonl").read_text("utf-8")
        words = self.world_folder / "words"
        places["words of programs"] = words.read_text("utf-8") if words.exists() else ""
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        taken = subprocess.run(listed, cwd=self.root, capture_output=True, text=True, check=True).stdout.splitlines()
        places |= {name: (self.root / name).read_text("utf-8") for name in taken if (self.root / name).is_file()}
        for path in (self.root / ".state" / "hetzner" / "overlay").rglob("*.yaml"):
            places[path.name] = path.read_text("utf-8")
        return [f"{name} in {place}" for place, text in places.items() for name in CANARIES if _leaks(name, text)]


_KINDS = ("primary-ip", "network", "subnet", "firewall", "volume", "server", "attachment")


def _leaks(name: str, text: str) -> bool:
    value = CANARIES[name]
    mark = next((part for part in value.replace(":", "@").split("@") if part.startswith("canary0")), value)
    return value in text or mark.split('"')[0].strip() in text


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0


def _program(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    path.chmod(0o755)
