"""The builder `buildah` of the release tool, with what differs on a machine without a registry of base images."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from quant_release.images.builders import BuildahBuilder
from quant_release.images.credentials import GitLogins

from .base import NAME

__all__ = ["RehearsalBuilder"]

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class RehearsalBuilder(BuildahBuilder):
    """Builds from the base `NAME`, and pushes to a registry on this machine, without TLS.

    ``SSL_CERT_FILE``, where it is set, is what the builds trust. ``IMAGES_BUILD_OPTIONS`` has more options of ``buildah
    build``.

    Parameters
    ----------
    base
        The reference that `NAME` stands in for.
    registry
        Host and port.
    folder
        For the builder's own files.
    """

    def __init__(self, base: str, registry: str, folder: Path, logins: GitLogins) -> None:
        self._base = base
        self._registries = folder / "registries.conf"
        self._registries.write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n', "utf-8")
        self.pushed = folder / "digest"
        super().__init__(logins=logins)

    def look(self, image: str) -> list[str]:
        """Return the command that tells an image's digest."""
        skopeo, *rest = super().look(image)
        return [skopeo, "--registries-conf", str(self._registries), *rest]

    def steps(self, image: str) -> list[list[str]]:
        """Return the commands that build and push; the digest that was pushed is written down."""
        build, push = super().steps(image)
        certificates = os.environ.get("SSL_CERT_FILE")
        trusted = ["--volume", f"{Path(certificates).resolve()}:{CERTIFICATES}:ro"] if certificates else []
        more = shlex.split(os.environ.get("IMAGES_BUILD_OPTIONS", ""))
        stand_in = ["--build-context", f"{self._base}=container-image://{NAME}"]
        return [
            [*build[:2], *stand_in, *trusted, *more, *build[2:]],
            [*push[:2], "--quiet", "--tls-verify=false", "--digestfile", str(self.pushed), *push[2:]],
        ]
