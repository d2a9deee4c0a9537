#!/usr/bin/env python3
"""Build the image of every app, start it and push it to a registry on this machine; without a daemon.

HEAD is released in a copy, its origin served on 127.0.0.1 behind a login; the contexts and the builder `buildah` are
those of `release apply`. A base of Debian's packages stands in for the one that the Dockerfiles name, and is kept in
.cache/images. Each service answers on /health as user 10001, and says on /version which commits it is made of; the
digests of buildah, the registry and skopeo are one; the login to the origin is in no file of the image. Nothing is left
but the base.

Needs root, and Debian's packages buildah, mmdebstrap, docker-registry and skopeo. SSL_CERT_FILE,
IMAGES_MMDEBSTRAP_OPTIONS and IMAGES_BUILD_OPTIONS say what is special about the machine; see docs/runbooks/images.md.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

from checkout import ROOT
from images.machine import Failed, Missing, check_machine
from images.rehearsal import Built, rehearse
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_release.steps.machine import StepFailed

CACHE = ROOT / ".cache" / "images"
HEADINGS = ("image", "context s", "build and push s", "start to /health s", "MB compressed", "digest")


def main() -> int:
    """Build all images; return the exit status."""
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        check_machine()
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as folder:
            show(HEADINGS)
            show(("---",) * len(HEADINGS))
            for built in rehearse(ROOT, Path(folder).resolve(), CACHE, say):
                show(row(built))
    except (Failed, Missing, InvalidInput, Refused, StepFailed) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; all that was started is stopped")
        return 130
    say(f"{time.monotonic() - begun:.0f} s in all")
    return 0


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(f"images: {line}", file=sys.stderr, flush=True)


def show(cells: tuple[str, ...]) -> None:
    """Print a row of the table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def row(built: Built) -> tuple[str, ...]:
    """Return the cells of an image."""
    seconds = (f"{built.context:.1f}", f"{built.build:.0f}", f"{built.start:.1f}")
    return (built.app, *seconds, f"{built.size / 1e6:.0f}", built.digest[:19])


if __name__ == "__main__":
    sys.exit(main())
