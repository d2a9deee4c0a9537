"""Requirement lines, version edits, and workspaces that cannot be read."""

from __future__ import annotations

import tomllib
from datetime import date

import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_release.repository.edits import has_entry, locked_at, prepared
from quant_release.repository.git import GitError
from quant_release.repository.origins import address
from quant_release.repository.pins import Pin, read_pins, write_pins
from quant_release.repository.versions import Version
from quant_release.repository.workspace import Package, locked_version, read_workspace, requirements_of
from quant_release.testing.rehearsal import Rehearsal

PACKAGE = Package("us-equity-strategies", "packages/s", Version(1, 0, 0), {"quant-platform-kit": None}, {}, (), ())
MANIFEST = '[project]\nname = "us-equity-strategies"\nversion = "1.0.0"\ndependencies = ["quant-platform-kit==1.0.0"]\n'
KIT = Pin.to("quant-platform-kit", Version(1, 2, 0), "https://host/o/r", "packages/k")
LOCK = (
    b'[[package]]\nname = "us-equity-strategies"\nversion = "1.0.0"\n\n[[package]]\nname = "six"\nversion = "1.0.0"\n'
)


def release(manifest: str = MANIFEST, history: str = "# H\n\n## Unreleased\n\n- x\n", kit: Pin = KIT) -> dict[str, str]:
    files = {"packages/s/pyproject.toml": manifest.encode(), PACKAGE.history: history.encode(), "uv.lock": LOCK}
    made = prepared(PACKAGE, files, Version(1, 1, 0), {kit.package: kit}, date(2026, 3, 4))
    return {path: data.decode() for path, data in made.items()}


def test_a_release_changes_version_reference_heading_and_own_lock_entry_and_nothing_else() -> None:
    made = release()
    assert made["packages/s/pyproject.toml"] == MANIFEST.replace('"1.0.0"', '"1.1.0"').replace(
        "==1.0.0", " @ git+https://host/o/r@quant-platform-kit-v1.2.0#subdirectory=packages/k"
    )
    assert made[PACKAGE.history] == "# H\n\n## 1.1.0 - 2026-03-04\n\n- x\n"
    assert made["uv.lock"] == LOCK.decode().replace("1.0.0", "1.1.0", 1)


@pytest.mark.parametrize(
    "before",
    [
        "quant-platform-kit==1.0.0",
        "quant-platform-kit @ git+https://host/o/r@quant-platform-kit-v1.0.0#subdirectory=packages/k",
        "quant-platform-kit@git+file:///o@r.git@quant-platform-kit-v1.0.0#subdirectory=kit",
    ],
)
@pytest.mark.parametrize(("extras", "quote"), [("", '"'), ("[web, gcp]", "'")])
def test_a_dependency_is_written_as_a_tag_whatever_it_was(before: str, extras: str, quote: str) -> None:
    before = before.replace("kit", f"kit{extras}", 1)
    manifest = MANIFEST.replace('"quant-platform-kit==1.0.0"', f"{quote}{before}{quote}")
    (written,) = tomllib.loads(release(manifest)["packages/s/pyproject.toml"])["project"]["dependencies"]
    assert written == f"quant-platform-kit{extras} @ {KIT.place}"


def test_what_is_prepared_already_stays() -> None:
    once = release()
    again = release(once["packages/s/pyproject.toml"], once[PACKAGE.history])
    assert {path: again[path] for path in again if path != "uv.lock"} == {
        path: once[path] for path in once if path != "uv.lock"
    }


@pytest.mark.parametrize(
    ("bound", "exact", "place"),
    [
        ("==1.0.0", "1.0.0", None),
        (f" @ {KIT.place}", "1.2.0", KIT.place),
        (
            " @ git+https://host/o/r@main#subdirectory=packages/k",
            None,
            "git+https://host/o/r@main#subdirectory=packages/k",
        ),
        (" @ https://host/kit-1.0.0-py3-none-any.whl", None, None),
        (">=1", None, None),
        ("", None, None),
    ],
)
def test_a_dependency_is_read_in_both_forms(bound: str, exact: str | None, place: str | None) -> None:
    manifest = MANIFEST.replace("==1.0.0", bound).encode()
    found = requirements_of(manifest, "pyproject.toml", {"quant-platform-kit"})["quant-platform-kit"]
    assert (found.exact, found.pin and found.pin.place) == (exact, place)


@pytest.mark.parametrize("url", ["file:///o r", 'file:///o"r', "file:///o'r", "file:///o\\r", "file:///o#r"])
def test_an_address_that_no_dependency_can_hold_is_refused(url: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"the origin is .*/o.*r['\"], and packages/s/pyproject.toml cannot name quant-"
    ):
        release(kit=KIT._replace(url=url))


def test_a_version_elsewhere_in_the_manifest_is_left_alone() -> None:
    manifest = '[tool.x]\nversion = "9"\n\n' + MANIFEST + '\n[tool.y]\nversion = "8"\n'
    made = release(manifest)["packages/s/pyproject.toml"]
    assert made.count('"9"') == made.count('"8"') == 1


def test_a_manifest_that_cannot_be_edited_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"no line 'version = "):
        release(MANIFEST.replace('version = "1.0.0"\n', ""))
    with pytest.raises(InvalidInput, match=r"does not pin quant-platform-kit as quant-platform-kit==X.Y.Z"):
        release(MANIFEST.replace("==1.0.0", ">=1"))
    with pytest.raises(InvalidInput, match=r"does not pin quant-platform-kit as quant-platform-kit==X.Y.Z"):
        release(MANIFEST.replace("==1.0.0", " @ git+https://host/o/r@main#subdirectory=packages/k"))


@pytest.mark.parametrize(
    ("history", "has"),
    [
        ("## Unreleased\n\n### Added\n\n- a thing\n", True),
        ("## 1.1.0 - 2026-01-01\n\n* a thing\n", True),
        ("## [1.1.0]\n\n- a thing\n", True),
        ("## Unreleased\n\n## 1.0.0\n\n- a thing\n", False),
        ("## 1.1.01\n\n- a thing\n", False),
        ("", False),
    ],
)
def test_a_changelog_entry_is_a_section_with_something_in_it(history: str, has: bool) -> None:
    assert has_entry(history.encode(), Version(1, 1, 0)) is has


def test_the_lock_entry_of_a_package_is_its_own() -> None:
    assert locked_version(LOCK, "six") == "1.0.0"
    assert locked_version(locked_at(LOCK, "six", Version(2, 0, 0)), "us-equity-strategies") == "1.0.0"
    assert locked_version(LOCK, "strategies") is None


def test_pins_are_read_as_they_are_written() -> None:
    pins = (
        Pin.to("quant-platform-kit", Version(0, 7, 10), "ssh://git@host/o/r.git", "packages/k", ("web", "gcp")),
        Pin.to("us-equity-strategies", Version(0, 7, 13), "file:///o@r.git", "packages/s"),
    )
    text = write_pins(pins)
    assert b"quant-platform-kit[gcp,web] @ git+ssh://git@host/o/r.git@quant-platform-kit-v0.7.10#sub" in text
    assert tuple(read_pins(text, "requirements.txt").values()) == pins
    assert [pin.version for pin in pins] == [Version(0, 7, 10), Version(0, 7, 13)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"numpy==2.0\n", "line 1 is 'numpy==2.0': write PACKAGE @ git"),
        (b"a @ git+u@t#subdirectory=f\na @ git+u@t2#subdirectory=f\n", "line 2 pins a a second time"),
        (b"-e ../packages/kit\n", "line 1 is '-e ../packages/kit'"),
    ],
)
def test_a_line_that_is_no_pin_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_pins(text, "requirements.txt")


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("git@github.com:house/platform.git", "ssh://git@github.com/house/platform.git"),
        ("https://ana:secret@host/platform.git", "https://host/platform.git"),
        ("https://host/platform.git", "https://host/platform.git"),
        ("/srv/origin.git", "file:///srv/origin.git"),
        ("ssh://git@host/platform.git", "ssh://git@host/platform.git"),
    ],
)
def test_the_address_of_an_origin_is_a_url_without_a_secret(origin: str, url: str) -> None:
    assert address(origin) == url


def test_the_password_of_an_origin_is_in_no_message(rehearsal: Rehearsal) -> None:
    rehearsal.git.run("remote", "set-url", "origin", "https://ana:hunter2hunter2@127.0.0.1:9/platform.git")
    assert rehearsal.git.origin is not None
    with pytest.raises(GitError) as error:
        rehearsal.git.remote("main")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("packages/quant_platform_kit", '"0.7.8"', '"0.7.8rc1"', "version is '0.7.8rc1': a version is three numbers"),
        ("packages/quant_platform_kit", "[project]", "[project", "is not TOML"),
        (
            "packages/quant_platform_kit",
            'tests = ["tests"]',
            "speed = 1",
            r"\[tool.release\] has 'speed'; known: tests",
        ),
        ("apps/ibkr", "[web]", "[web]>=1", "bounds a shared package; its version stands in the pins"),
        ("apps/ibkr", 'extras = ["deploy"]', 'extras = ["x"]', "names 'x', which the project does not have"),
    ],
)
def test_a_workspace_that_cannot_be_released_from_is_refused(
    rehearsal: Rehearsal, path: str, old: str, new: str, message: str
) -> None:
    manifest = f"{path}/pyproject.toml"
    text = (rehearsal.root / manifest).read_text()
    assert old in text
    rehearsal.commit(manifest, text.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=message):
        read_workspace(rehearsal.git, "HEAD")
