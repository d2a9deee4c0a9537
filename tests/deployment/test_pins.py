"""``scripts/pin_images.sh`` asks registries; nothing is invented. curl is a double that has answers by address."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CURL = """\
import json, os, sys
words = sys.argv[1:]
url = words[-1]
given = dict(zip(words, words[1:]))
login = open(given["--config"]).read() if "--config" in given else ""
answers = json.load(open(os.environ["ANSWERS"]))
key = url + (" with login" if login else "")
if key not in answers:
    sys.stderr.write("curl: (6) Could not resolve host\\n")
    sys.exit(6)
status, headers, body = answers[key]
with open(given["--dump-header"], "w") as file:
    file.write("\\r\\n".join([f"HTTP/2 {status}", *map(": ".join, headers.items()), "", ""]))
open(given["--output"], "w").write(body)
"""
PINS = """\
# A comment that stays.
[images.store]
repository = "docker.io/library/store"
tag = "1.2"
digest = "UNPINNED"

[images.forge]
repository = "forge.example/org/forge"
tag = "3"
digest = "UNPINNED"

[binaries.k3s]
version = "v1.34.1+k3s1"
url = "https://example.org/k3s"
checksums = "https://example.org/sums"
sha256 = "UNPINNED"
"""
STORE, FORGE = (
    "https://registry-1.docker.io/v2/library/store/manifests/1.2",
    "https://forge.example/v2/org/forge/manifests/3",
)
SUMS = f"{64 * 'a'}  k3s-airgap-images.tar\n{64 * 'b'}  k3s\n"


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass
class Machine:
    """A machine on which registries have answers."""

    folder: Path
    answers: dict[str, tuple[int, dict[str, str], str]] = field(
        default_factory=dict[str, tuple[int, dict[str, str], str]]
    )

    def pin(self, *words: str) -> subprocess.CompletedProcess[str]:
        answers, curl = self.folder / "answers.json", self.folder / "curl"
        answers.write_text(json.dumps(self.answers))
        curl.write_text(f"#!{sys.executable} -SE\n{CURL}")
        curl.chmod(0o755)
        variables = {"PATH": f"{self.folder}:/usr/bin:/bin", "ANSWERS": str(answers), "IMAGES_FILE": str(self.file)}
        command = [str(ROOT / "scripts" / "pin_images.sh"), *words]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)

    @property
    def file(self) -> Path:
        return self.folder / "images.toml"

    @property
    def pins(self) -> dict[str, Any]:
        return tomllib.loads(self.file.read_text())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.file.write_text(PINS)
    bearer = {"WWW-Authenticate": 'Bearer realm="https://auth.example/token",service="hub",scope="repository:x:pull"'}
    made.answers = {
        STORE: (401, bearer, "{}"),
        "https://auth.example/token": (200, {}, '{"token": "abc"}'),
        f"{STORE} with login": (200, {"Docker-Content-Digest": digest("store")}, "store"),
        FORGE: (200, {}, "forge"),
        "https://example.org/sums": (200, {}, SUMS),
    }
    return made


def test_digests_and_checksums_are_what_registries_give_and_all_else_stays(machine: Machine) -> None:
    done = machine.pin()
    assert done.returncode == 0, done.stderr
    wanted = PINS
    for found in (digest("store"), digest("forge"), 64 * "b"):
        wanted = wanted.replace("UNPINNED", found, 1)
    assert machine.file.read_text() == wanted
    again = machine.pin()
    assert (again.returncode, "written" in again.stdout, machine.file.read_text()) == (0, False, wanted)


def test_what_cannot_be_asked_stays_unpinned_and_is_named(machine: Machine) -> None:
    machine.answers = {FORGE: (200, {}, "forge")}
    done = machine.pin()
    assert done.returncode == 1
    assert "store 1.2: not asked: curl: (6) Could not resolve host" in done.stderr
    assert "k3s v1.34.1+k3s1: not asked: " in done.stderr
    pins = machine.pins
    assert (pins["images"]["store"]["digest"], pins["binaries"]["k3s"]["sha256"]) == ("UNPINNED", "UNPINNED")
    assert pins["images"]["forge"]["digest"] == digest("forge")


@pytest.mark.parametrize(
    ("url", "answer", "told"),
    [
        (FORGE, (404, {}, "no such tag"), "answered 404"),
        (
            FORGE,
            (200, {"docker-content-digest": digest("another")}, "forge"),
            f"says {digest('another')} of a manifest",
        ),
        ("https://example.org/sums", (200, {}, "<html>"), "names no SHA-256 of k3s"),
        ("https://auth.example/token", (503, {}, ""), "not asked"),
    ],
)
def test_an_answer_that_is_none_is_never_written(machine: Machine, url: str, answer: Any, told: str) -> None:
    machine.answers[url] = answer
    del machine.answers[f"{STORE} with login"]
    done = machine.pin()
    assert done.returncode == 1
    assert told in done.stderr
    assert "UNPINNED" in machine.file.read_text()


def test_a_tag_that_has_moved_is_said_and_taken_only_when_told_so(machine: Machine) -> None:
    assert machine.pin().returncode == 0
    machine.answers[FORGE] = (200, {}, "moved")
    done = machine.pin()
    assert (done.returncode, machine.pins["images"]["forge"]["digest"]) == (1, digest("forge"))
    assert f"it is {digest('moved')} now, pinned is {digest('forge')}" in done.stderr
    assert machine.pin("--again").returncode == 0
    assert machine.pins["images"]["forge"]["digest"] == digest("moved")


def test_the_file_has_exact_versions_and_says_what_is_not_pinned() -> None:
    pins = tomllib.loads((ROOT / "deploy" / "images.toml").read_text())
    assert {"postgres", "redpanda", "registry", "forgejo", "forgejo-runner", "k3s", "buildkit"} == pins["images"].keys()
    for name, each in pins["images"].items():
        assert (
            sum(
                part.isdigit() for part in each["tag"].replace("-", ".").replace("v", "").replace("k3s1", "").split(".")
            )
            >= 2
        ), name
        assert each["digest"] == "UNPINNED" or each["digest"].startswith("sha256:")
    assert pins["images"]["k3s"]["tag"].replace("-", "+") == pins["binaries"]["k3s"]["version"]
    assert pins["binaries"]["k3s"]["version"].replace("+", "%2B") in pins["binaries"]["k3s"]["url"]
    compose = (ROOT / "scripts/deploy/event_trading/compose.yaml").read_text()
    assert f"image: {pins['images']['redpanda']['repository']}:{pins['images']['redpanda']['tag']}\n" in compose


def test_a_file_of_pins_that_is_not_there_is_one_line_and_is_not_made(machine: Machine) -> None:
    machine.file.unlink()
    done = machine.pin()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"pin_images.sh: IMAGES_FILE {machine.file} is no file that can be read")
    assert not machine.file.exists()


def test_words_that_are_not_known_are_refused(machine: Machine) -> None:
    assert machine.pin("--now").returncode == 2
