"""Runs gcloud: what is read is JSON, what is refused says who lacks which role for which call."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any

from gcp.variables import Refused

__all__ = ["STOPPED", "Gcloud", "line"]

STOPPED = 130
"""The exit status after Ctrl-C, as of a shell."""

ABSENT = re.compile(r"NOT_FOUND|Cannot find|HTTPError 404|\b404\b|does not exist", re.IGNORECASE)
DENIED = re.compile(
    r"PERMISSION_DENIED|HTTPError 403|\b403\b|does not have permission|Permission .* denied", re.IGNORECASE
)
SECONDS = 600.0
PROGRAM = "gcloud"


def line(words: Sequence[str]) -> str:
    """Return a call as a shell takes it."""
    return shlex.join([PROGRAM, *words])


class Gcloud:
    """The gcloud of this machine, with the login that it has.

    Parameters
    ----------
    project
        What roles are proposed on.
    """

    def __init__(self, project: str) -> None:
        self._project = project

    def read(self, words: Sequence[str], role: str) -> Any:
        """Return what a call prints, as JSON; None where what it asks for is not there.

        Parameters
        ----------
        role
            What whoever asks needs.
        """
        done = self._run([*words, "--format", "json"])
        if done.returncode == 0:
            try:
                return json.loads(done.stdout or "null")
            except ValueError:
                raise Refused(f"{line(words)} printed no JSON; run it by hand, and look at what it prints") from None
        if ABSENT.search(done.stderr) and not DENIED.search(done.stderr):
            return None
        raise self._refused(words, role, done.stderr)

    def write(self, words: Sequence[str], role: str) -> None:
        """Make a call that changes something."""
        done = self._run([*words, "--format", "none"])
        if done.returncode:
            raise self._refused(words, role, done.stderr)

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [PROGRAM, *words],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise Refused(
                "gcloud is not installed, or cannot be started; see https://cloud.google.com/sdk/docs/install"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Refused(f"no answer within {SECONDS:g} s: {line(words)}; run this again") from error

    def _refused(self, words: Sequence[str], role: str, said: str) -> Refused:
        told = " ".join(said.split())[-600:]
        if not DENIED.search(said):
            return Refused(f"{line(words)} failed: {told}")
        who = self._who()
        member = f"serviceAccount:{who}" if who.endswith(".gserviceaccount.com") else f"user:{who}"
        give = line(["projects", "add-iam-policy-binding", self._project, "--member", member, "--role", role])
        return Refused(f"{who} may not call: {line(words)}; it lacks {role}: {give}; then run this again ({told})")

    def _who(self) -> str:
        done = self._run(["config", "get-value", "account", "--quiet"])
        found = done.stdout.strip()
        return found if done.returncode == 0 and "@" in found else "ACCOUNT"
