"""The bootstrap fetches the pinned uv or says in one line why it does not, and leaves no half of it behind."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import ssl
import stat
import sys
import urllib.error
import urllib.response
import zipfile
from email.message import Message
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts/bootstrap.py"
SPEC = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
bootstrap = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bootstrap)

PLATFORM = "Linux x86_64 glibc"
FILES = "https://files.test/packages"
UV = f"#!/bin/sh\necho 'uv {bootstrap.VERSION} (a test)'\n".encode()


def wheel_of(content: bytes, member: str = f"uv-{bootstrap.VERSION}.data/scripts/uv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, content)
    return buffer.getvalue()


class Index:
    """A package index in memory."""

    def __init__(self, wheel: bytes) -> None:
        filename = bootstrap.WHEELS[PLATFORM].filename
        url = f"{FILES}/{filename}#sha256=0"
        page = f'<html><a href="{FILES}/other.whl">other</a>\n<a data-x="1" href="{url}">uv</a></html>'
        self.pages = {bootstrap.INDEX: page.encode(), url: wheel}
        self.missing_bytes = 0

    def __call__(self, url: str) -> urllib.response.addinfourl:
        """Open a page."""
        headers = Message()
        headers["Content-Length"] = str(len(self.pages[url]) + self.missing_bytes)
        return urllib.response.addinfourl(io.BytesIO(self.pages[url]), headers, url)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return tmp_path / ".tools"


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    return serve(wheel_of(UV), monkeypatch)


def serve(wheel: bytes, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Serve a wheel and pin its hash."""
    pin = bootstrap.Wheel(bootstrap.WHEELS[PLATFORM].filename, hashlib.sha256(wheel).hexdigest())
    monkeypatch.setitem(bootstrap.WHEELS, PLATFORM, pin)
    return Index(wheel)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refuse_network(url: str) -> None:
    pytest.fail(f"asked for {url}")


def test_the_pinned_uv_is_installed_executable_and_linked(tools: Path, index: Index) -> None:
    bootstrap.install(tools, PLATFORM, index)

    assert files(tools) == ["uv", f"uv-{bootstrap.VERSION}", f"uv-{bootstrap.VERSION}/uv"]
    assert (tools / "uv").read_bytes() == UV
    assert (tools / "uv").resolve().stat().st_mode & stat.S_IXUSR
    assert os.readlink(tools / "uv") == f"uv-{bootstrap.VERSION}/uv"
    assert bootstrap.version_of(tools / "uv") == bootstrap.VERSION


def test_the_second_run_asks_nothing_of_the_network(tools: Path, index: Index) -> None:
    bootstrap.install(tools, PLATFORM, index)

    bootstrap.install(tools, PLATFORM, refuse_network)


def test_a_missing_link_is_put_back_without_the_network(tools: Path, index: Index) -> None:
    bootstrap.install(tools, PLATFORM, index)
    (tools / "uv").unlink()

    bootstrap.install(tools, PLATFORM, refuse_network)

    assert bootstrap.version_of(tools / "uv") == bootstrap.VERSION


@pytest.mark.parametrize("broken", [b"", b"\x7fELF half", b"#!/bin/sh\necho uv 0.0.1\n", b"#!/bin/sh\nexit 3\n"])
def test_a_uv_that_does_not_run_or_has_another_version_is_replaced(broken: bytes, tools: Path, index: Index) -> None:
    bootstrap.install(tools, PLATFORM, index)
    (tools / "uv").resolve().write_bytes(broken)

    bootstrap.install(tools, PLATFORM, index)

    assert (tools / "uv").read_bytes() == UV


def test_a_wheel_with_another_hash_is_refused_and_nothing_is_left_behind(tools: Path, index: Index) -> None:
    url = next(url for url in index.pages if url != bootstrap.INDEX)
    index.pages[url] = wheel_of(UV + b"# changed on the way\n")

    with pytest.raises(
        bootstrap.BootstrapError, match=f"has sha256 .*, pinned is .*{bootstrap.WHEELS[PLATFORM].sha256}"
    ):
        bootstrap.install(tools, PLATFORM, index)

    assert files(tools) == []


def test_a_refused_wheel_leaves_the_uv_of_before_alone(tools: Path, index: Index) -> None:
    bootstrap.install(tools, PLATFORM, index)
    (tools / "uv").resolve().write_bytes(b"#!/bin/sh\necho uv 0.0.1\n")
    index.pages = dict.fromkeys(index.pages, b"") | {bootstrap.INDEX: index.pages[bootstrap.INDEX]}

    with pytest.raises(bootstrap.BootstrapError, match="has sha256"):
        bootstrap.install(tools, PLATFORM, index)

    assert (tools / "uv").read_bytes() == b"#!/bin/sh\necho uv 0.0.1\n"


def test_a_download_that_ends_early_is_refused(tools: Path, index: Index) -> None:
    index.missing_bytes = 7

    with pytest.raises(bootstrap.BootstrapError, match=r"ended after \d+ of \d+ bytes; run again"):
        bootstrap.install(tools, PLATFORM, index)

    assert files(tools) == []


def test_a_wheel_the_index_does_not_list_is_named(tools: Path, index: Index) -> None:
    index.pages[bootstrap.INDEX] = b"<html></html>"

    with pytest.raises(bootstrap.BootstrapError, match="does not list uv-"):
        bootstrap.install(tools, PLATFORM, index)

    assert files(tools) == []


@pytest.mark.parametrize(
    ("wheel", "reason"),
    [
        (wheel_of(UV, "somewhere/else"), "holds no uv-"),
        (b"no zip at all", "holds no uv-"),
        (wheel_of(b"#!/bin/sh\nexit 1\n"), "does not run on this machine"),
    ],
)
def test_a_wheel_without_a_working_uv_is_refused(
    wheel: bytes, reason: str, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(bootstrap.BootstrapError, match=reason):
        bootstrap.install(tools, PLATFORM, serve(wheel, monkeypatch))

    assert files(tools) == []


def test_extraction_takes_only_uv_out_of_the_wheel(tmp_path: Path) -> None:
    archive = tmp_path / "uv.whl"
    archive.write_bytes(wheel_of(UV))

    binary = bootstrap.extract(archive, tmp_path / "uv")

    assert binary.read_bytes() == UV
    assert files(tmp_path) == ["uv", "uv.whl"]


@pytest.mark.parametrize("name", ["Windows amd64", "Linux riscv64 glibc", "FreeBSD amd64"])
def test_an_unsupported_platform_is_named_with_those_that_are_supported(name: str, tools: Path) -> None:
    with pytest.raises(bootstrap.BootstrapError, match=f"no uv is pinned for {name}; use one of: Linux x86_64 glibc, "):
        bootstrap.install(tools, name, refuse_network)

    assert not tools.exists()


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [("Linux", "x86_64", PLATFORM), ("Linux", "arm64", "Linux aarch64 glibc"), ("Darwin", "arm64", "macOS arm64")],
)
def test_a_platform_is_named_as_it_is_pinned(
    system: str, machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.platform, "system", lambda: system)
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: machine)
    monkeypatch.setattr(bootstrap, "c_library", lambda: "glibc")

    assert bootstrap.platform_name() == name
    assert name in bootstrap.WHEELS


def test_a_system_whose_c_library_names_no_glibc_is_musl(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise ValueError(name)

    monkeypatch.setattr(bootstrap.os, "confstr", unknown)

    assert bootstrap.c_library() == "musl"


def test_every_pin_names_a_wheel_of_the_pinned_version_and_a_whole_hash() -> None:
    for wheel in bootstrap.WHEELS.values():
        assert wheel.filename.startswith(f"uv-{bootstrap.VERSION}-")
        assert len(bytes.fromhex(wheel.sha256)) == 32


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError(OSError("no route")), r"cannot reach pypi\.org \(no route\): connect this machine"),
        (TimeoutError("timed out"), r"cannot reach pypi\.org \(timed out\): connect this machine"),
        (urllib.error.HTTPError(bootstrap.INDEX, 503, "Busy", Message(), None), "answered 503 Busy; run again later"),
    ],
)
def test_an_index_that_cannot_be_read_is_said_in_one_line(error: Exception, reason: str, tools: Path) -> None:
    def fail(url: str) -> None:
        raise error

    with pytest.raises(bootstrap.BootstrapError, match=reason) as caught:
        bootstrap.install(tools, PLATFORM, fail)

    assert "\n" not in str(caught.value)
    assert files(tools) == []


@pytest.mark.parametrize(("file", "hint"), [(None, "install ca-certificates"), ("/no/file", "now /no/file,")])
def test_missing_ca_certificates_are_said_with_the_setting(
    file: str | None, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if file is not None:
        monkeypatch.setenv("SSL_CERT_FILE", file)
    error = ssl.SSLCertVerificationError("self-signed")
    error.verify_message = "self-signed certificate"

    reason = bootstrap.explain(urllib.error.URLError(error), bootstrap.INDEX)

    assert "no CA certificate here vouches for pypi.org (self-signed certificate)" in reason
    assert hint in reason


def test_an_old_python_is_told_which_one_is_needed() -> None:
    with pytest.raises(bootstrap.BootstrapError, match=r"python3 is 3\.8; install Python 3\.9 or newer"):
        bootstrap.check_python((3, 8))


def test_a_checkout_that_cannot_be_written_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".tools").write_text("a file where the folder should be")

    assert bootstrap.main(tmp_path) == 1
    assert capsys.readouterr().err == (
        f"bootstrap: cannot write {tmp_path / '.tools'} (File exists): make the checkout writable, with 100 MB free\n"
    )


def test_progress_is_a_percentage_on_a_terminal_and_one_line_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        shown = ""
        for done in (1_000_000, 2_000_000):
            shown = bootstrap.show_progress(done, 4_000_000, shown)

    line = f"downloading uv {bootstrap.VERSION} (4 MB)"
    assert capsys.readouterr().err == f"{line}\n\r{line}: 25%\r{line}: 50%"
