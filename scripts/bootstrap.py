#!/usr/bin/env python3
"""Put the pinned uv into .tools/ on a machine that has python3 and nothing else.

uv comes as a wheel from the Python package index. The wheel's name and hash are pinned here; the
index only tells where it lies. What does not match its hash is thrown away. The result is
``.tools/uv-<version>/uv`` with ``.tools/uv`` pointing to it; where both are in place and uv runs,
nothing is done and nothing is asked of the network.

Only the standard library is used, and the syntax of Python 3.7, so that an old python3 can at
least say that it is too old.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Opener = Callable[[str], Any]

MINIMUM_PYTHON = (3, 9)
VERSION = "0.13.8"
INDEX = "https://pypi.org/simple/uv/"
ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 60
CHUNK_BYTES = 1 << 18
MEGABYTE = 1_000_000


class Wheel(NamedTuple):
    """A wheel of uv: the name of its file and the hash the file must have."""

    filename: str
    sha256: str


WHEELS = {
    "Linux x86_64 glibc": Wheel(
        "uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ),
    "Linux x86_64 musl": Wheel(
        "uv-0.13.8-py3-none-musllinux_1_1_x86_64.whl",
        "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a",
    ),
    "Linux aarch64 glibc": Wheel(
        "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    ),
    "Linux aarch64 musl": Wheel(
        "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    ),
    "macOS arm64": Wheel(
        "uv-0.13.8-py3-none-macosx_11_0_arm64.whl",
        "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
    ),
    "macOS x86_64": Wheel(
        "uv-0.13.8-py3-none-macosx_10_12_x86_64.whl",
        "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
    ),
}


class BootstrapError(Exception):
    """A reason why uv cannot be installed, and what to do about it, in one line."""


def main(root: Path = ROOT) -> int:
    """Install uv below a checkout unless it is there.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.

    Returns
    -------
    int
        0, or 1 after one line on standard error that says what is missing and what to do.
    """
    try:
        check_python(sys.version_info[:2])
        install(root / ".tools", platform_name())
    except BootstrapError as error:
        return fail(str(error))
    except OSError as error:
        where = error.filename or root / ".tools"
        return fail(f"cannot write {where} ({error.strerror}): make the checkout writable, with 100 MB free")
    except KeyboardInterrupt:
        return fail("interrupted; nothing was installed")
    return 0


def fail(reason: str) -> int:
    """Print the reason of a failure and return the exit status."""
    print(f"bootstrap: {reason}", file=sys.stderr)
    return 1


def check_python(version: tuple[int, ...]) -> None:
    """Refuse a python3 that is too old or was built without TLS."""
    if version < MINIMUM_PYTHON:
        have, need = (".".join(map(str, number)) for number in (version, MINIMUM_PYTHON))
        raise BootstrapError(f"python3 is {have}; install Python {need} or newer and put it first on PATH")
    if importlib.util.find_spec("_ssl") is None:
        raise BootstrapError("this python3 was built without ssl; install your system's python3 package")


def install(tools: Path, name: str, open_url: Opener | None = None) -> None:
    """Make ``tools/uv`` the pinned uv.

    Parameters
    ----------
    tools : pathlib.Path
        The folder of the checkout's tools; created if it is missing.
    name : str
        The name of this platform, a key of ``WHEELS``.
    open_url : callable, optional
        Opens a URL for reading; the network by default.

    Raises
    ------
    BootstrapError
        If uv cannot be fetched, is not what was pinned, or does not run here.
    """
    binary, link = tools / f"uv-{VERSION}" / "uv", tools / "uv"
    present = version_of(binary) == VERSION
    if present and link.is_symlink() and link.resolve() == binary.resolve():
        return
    wheel = None if present else wheel_for(name)
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=str(tools)) as work:
        if wheel is not None:
            place_binary(fetch(wheel, Path(work), open_url or open_network), binary)
        place_link(Path(work) / "link", binary, link)


def version_of(binary: Path) -> str | None:
    """Return the version an executable reports, None if it does not run or is not uv."""
    try:
        answer = subprocess.run([str(binary), "--version"], capture_output=True, check=False)
    except OSError:
        return None
    words = answer.stdout.decode("utf-8", "replace").split()
    return words[1] if answer.returncode == 0 and len(words) > 1 and words[0] == "uv" else None


def platform_name() -> str:
    """Return the name of this platform: system, machine and, on Linux, the C library."""
    system = {"Darwin": "macOS"}.get(platform.system(), platform.system())
    machine = platform.machine().lower()
    if system == "Linux":
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
        return f"{system} {machine} {c_library()}"
    return f"{system} {machine}"


def c_library() -> str:
    """Return glibc or musl."""
    try:
        return "glibc" if (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc") else "musl"
    except (OSError, ValueError):
        return "musl"


def wheel_for(name: str) -> Wheel:
    """Return the wheel for a platform, or refuse the platform by name."""
    if name not in WHEELS:
        raise BootstrapError(f"no uv is pinned for {name}; use one of: {', '.join(WHEELS)} (on Windows: WSL)")
    return WHEELS[name]


def fetch(wheel: Wheel, work: Path, open_url: Opener) -> Path:
    """Download a wheel and return the uv that was in it.

    Parameters
    ----------
    wheel : Wheel
        What to fetch.
    work : pathlib.Path
        A folder of this run alone.
    open_url : callable
        Opens a URL for reading.

    Returns
    -------
    pathlib.Path
        The executable, verified and tried, still inside ``work``.
    """
    archive = work / "uv.whl"
    digest = save(find(wheel.filename, open_url), archive, open_url)
    if digest != wheel.sha256:
        raise BootstrapError(
            f"{wheel.filename} has sha256 {digest}, pinned is {wheel.sha256}; thrown away: "
            "run again, and if it stays so ask who changes your downloads"
        )
    binary = extract(archive, work / "uv")
    if version_of(binary) != VERSION:
        raise BootstrapError(f"uv {VERSION} does not run on this machine ({platform.platform()}) from {work.parent}")
    return binary


def find(filename: str, open_url: Opener) -> str:
    """Return the URL of a file that the package index lists."""
    page = b"".join(chunk for chunk, _ in read(INDEX, open_url)).decode("utf-8", "replace")
    for target in re.findall(r"""<a\b[^>]*?\bhref=["']([^"']+)["']""", page):
        url = urllib.parse.urljoin(INDEX, unescape(target))
        if urllib.parse.unquote(urllib.parse.urlsplit(url).path).rsplit("/", 1)[-1] == filename:
            return url
    raise BootstrapError(f"{INDEX} does not list {filename}; ask who filters your package index")


def save(url: str, target: Path, open_url: Opener) -> str:
    """Write what a URL holds into a file and return its sha256."""
    digest, done, shown = hashlib.sha256(), 0, ""
    with target.open("wb") as file:
        for chunk, total in read(url, open_url):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            shown = show_progress(done, total, shown)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return digest.hexdigest()


def show_progress(done: int, total: int, shown: str) -> str:
    """Show how far the download is: a percentage on a terminal, one plain line elsewhere.

    Parameters
    ----------
    done, total : int
        Bytes so far and in all; a total of 0 is not known.
    shown : str
        What was shown last.

    Returns
    -------
    str
        What is shown now.
    """
    terminal = sys.stderr.isatty()
    size = f"{total / MEGABYTE:.0f} MB" if total else "size not known"
    percent = f": {100 * done // total}%" if terminal and total else ""
    line = f"downloading uv {VERSION} ({size}){percent}"
    if line != shown:
        print(f"\r{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
    return line


def read(url: str, open_url: Opener) -> Iterator[tuple[bytes, int]]:
    """Yield what a URL holds in chunks, each with the total size (0 if it is not known).

    Parameters
    ----------
    url : str
        What to read.
    open_url : callable
        Opens a URL for reading.

    Yields
    ------
    tuple of (bytes, int)
        A chunk and the total size.

    Raises
    ------
    BootstrapError
        If the URL cannot be read to its end.
    """
    try:
        with open_url(url) as response:
            total, done = int(response.headers.get("Content-Length") or 0), 0
            chunk = response.read(CHUNK_BYTES)
            while chunk:
                done += len(chunk)
                yield chunk, total
                chunk = response.read(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise BootstrapError(explain(error, url)) from error
    if done < total:
        raise BootstrapError(f"{url} ended after {done} of {total} bytes; run again")


def open_network(url: str) -> Any:
    """Open a URL over the network; SSL_CERT_FILE and HTTPS_PROXY are honoured."""
    return urllib.request.urlopen(
        urllib.request.Request(url, headers={"Accept": "text/html, */*"}), timeout=TIMEOUT_SECONDS
    )


def explain(error: Exception, url: str) -> str:
    """Say why a URL could not be read and what to do; ssl is imported late because it may be missing.

    Parameters
    ----------
    error : Exception
        What went wrong.
    url : str
        What was read.

    Returns
    -------
    str
        One line.
    """
    import ssl

    host = urllib.parse.urlsplit(url).hostname
    if isinstance(error, urllib.error.HTTPError):
        return f"{url} answered {error.code} {error.reason}; run again later, or ask who filters your network"
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        file = os.environ.get("SSL_CERT_FILE")
        hint = f"point SSL_CERT_FILE, now {file}," if file else "install ca-certificates, or point SSL_CERT_FILE"
        return f"no CA certificate here vouches for {host} ({reason.verify_message}): {hint} to your CA bundle"
    return f"cannot reach {host} ({reason}): connect this machine to the network, or set HTTPS_PROXY, and run again"


def extract(archive: Path, target: Path) -> Path:
    """Take uv out of its wheel, make it executable and return its path."""
    member = f"uv-{VERSION}.data/scripts/uv"
    try:
        with zipfile.ZipFile(str(archive)) as wheel, wheel.open(member) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except (KeyError, zipfile.BadZipFile) as error:
        raise BootstrapError(
            f"the wheel of uv {VERSION} holds no {member}; the pins of this script are wrong"
        ) from error
    target.chmod(0o755)
    return target


def place_binary(fresh: Path, binary: Path) -> None:
    """Move a finished uv to its place in one step."""
    binary.parent.mkdir(exist_ok=True)
    os.replace(str(fresh), str(binary))


def place_link(fresh: Path, binary: Path, link: Path) -> None:
    """Point the stable path to uv in one step."""
    fresh.symlink_to(binary.relative_to(link.parent))
    os.replace(str(fresh), str(link))


if __name__ == "__main__":
    sys.exit(main())
