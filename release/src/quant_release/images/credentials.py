"""Logins to an origin that asks for one, handed to a build as its secret ``git-credentials``.

They are lines of a git credential store, ``https://USER:TOKEN@HOST``. Where an image is built decides where they are:
on this machine in a file, at Cloud Build in a secret of Secret Manager. Command lines name the place, never a login.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["OPEN", "SECRET", "GitLogins"]

SECRET = "git-credentials"
"""The name under which a Dockerfile asks for the secret."""
_LINE = re.compile(r"https?://[^\s:/@]+:[^\s:/@]+@[^\s/@]+/?")
_VERSION = re.compile(r"projects/[a-z0-9-]+/secrets/[A-Za-z0-9_-]+/versions/[1-9][0-9]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class GitLogins:
    """Where logins are; nowhere for an origin that everybody may read.

    Attributes
    ----------
    file
        ``GIT_CREDENTIALS_FILE``, for builds on this machine.
    version
        ``GIT_CREDENTIALS_SECRET``, for Cloud Build: ``projects/P/secrets/S/versions/V``, V a number.
    """

    file: Path | None = None
    version: str | None = None

    def options(self) -> Sequence[str]:
        """Return the options of a build on this machine.

        Raises
        ------
        InvalidInput
            The file cannot be read or has a line that is no login, or logins are in Secret Manager only. No login is
            in the message.
        """
        if self.file is None:
            if self.version is not None:
                raise InvalidInput(
                    "GIT_CREDENTIALS_SECRET is for gcloud; builds on this machine need GIT_CREDENTIALS_FILE"
                )
            return ()
        place = self.file.resolve()
        if "," in str(place):
            raise InvalidInput(f"GIT_CREDENTIALS_FILE is {place}: builders take no path with a comma; move the file")
        try:
            lines = place.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"GIT_CREDENTIALS_FILE is {place}, which cannot be read: {_reason(error)}") from None
        wrong = [number for number, line in enumerate(lines, 1) if line and not _LINE.fullmatch(line)]
        if wrong or not any(lines):
            where = f"line {wrong[0]} is none" if wrong else "it has none"
            raise InvalidInput(f"GIT_CREDENTIALS_FILE is {place}: write https://USER:TOKEN@HOST, one a line; {where}")
        return ("--secret", f"id={SECRET},src={place}")

    def cloud_build(self, image: str) -> dict[str, Any]:
        """Return what Cloud Build is to do: build an image with docker, and push it.

        Raises
        ------
        InvalidInput
            The secret is not named by its version, or logins are in a file only.
        """
        if self.version is None and self.file is not None:
            raise InvalidInput("GIT_CREDENTIALS_FILE stays on this machine; for gcloud set GIT_CREDENTIALS_SECRET")
        if self.version is not None and not _VERSION.fullmatch(self.version):
            raise InvalidInput(
                f"GIT_CREDENTIALS_SECRET is {self.version!r}: write projects/P/secrets/S/versions/V, V a number"
            )
        step = {"name": "gcr.io/cloud-builders/docker", "env": ["DOCKER_BUILDKIT=1"]}
        if self.version is None:
            return {"steps": [step | {"args": ["build", "--tag", image, "."]}], "images": [image]}
        name = "GIT_CREDENTIALS"
        args = ["build", "--secret", f"id={SECRET},env={name}", "--tag", image, "."]
        return {
            "steps": [step | {"args": args, "secretEnv": [name]}],
            "images": [image],
            "availableSecrets": {"secretManager": [{"versionName": self.version, "env": name}]},
        }


OPEN = GitLogins()
"""For an origin that everybody may read."""


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "it cannot be opened") if isinstance(error, OSError) else "it is not UTF-8"
