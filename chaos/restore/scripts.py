"""The two scripts as an operator runs them, at stores of this drill."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["ENDPOINT", "MUTANT", "Keeping", "Unkept", "libpq_url"]

ROOT = Path(__file__).parents[2]
ENDPOINT = "CHAOS_GS_ENDPOINT"
"""Where the emulator of Cloud Storage is, for `chaos.restore.quant`."""
MUTANT = "CHAOS_RESTORE_MUTANT"
"""Names a defect of `chaos.restore.mutants`."""
QUANT = '#!/bin/sh\nexec "{python}" -m chaos.restore.quant "$@"\n'
SECONDS = 300


class Unkept(Exception):
    """A script ended with a status that is not 0; it is what the script said last."""


@dataclass(slots=True)
class Keeping:
    """Where backups are made.

    Attributes
    ----------
    folder
        For plans, backups and programs.
    programs
        Folder of PostgreSQL's programs; None where there is no database.
    variables
        Further ones of the environment.
    said
        All lines of all runs.
    """

    folder: Path
    programs: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    said: list[str] = field(default_factory=list[str])

    def back_up(self, plan: Sequence[Sequence[str]], name: str = "backup") -> Path:
        """Make a backup of the stores of a plan."""
        backup = self.folder / name
        self._run("backup.sh", self._plan(plan, f"{name}.plan"), backup)
        return backup

    def restore(self, backup: Path, plan: Sequence[Sequence[str]]) -> None:
        """Bring stores back."""
        self._run("restore.sh", backup, self._plan(plan, "restore.plan"))

    def _plan(self, plan: Sequence[Sequence[str]], name: str) -> Path:
        path = self.folder / name
        path.write_text("".join(f"{' '.join(words)}\n" for words in plan), encoding="utf-8")
        return path

    def _run(self, script: str, *words: Path) -> None:
        inherited = dict(os.environ)  # noqa: TID251 - what the scripts are started with
        bin_folder = self.folder / "bin"
        bin_folder.mkdir(exist_ok=True)
        quant = bin_folder / "quant"
        quant.write_text(QUANT.format(python=sys.executable), encoding="utf-8")
        quant.chmod(0o755)
        own = (bin_folder, Path(sys.executable).parent, *([self.programs] if self.programs else []))
        path = os.pathsep.join((*(str(each) for each in own), inherited.get("PATH", "")))
        done = subprocess.run(
            [str(ROOT / "scripts" / script), *map(str, words)],
            env={**inherited, "PATH": path, "PYTHONPATH": str(ROOT), **self.variables},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        lines = done.stdout.splitlines()
        self.said += lines
        if done.returncode:
            raise Unkept(f"{script} ended with {done.returncode}: {' / '.join(lines[-4:])}")


def libpq_url(store_url: str, database: str = "") -> tuple[str, dict[str, str]]:
    """Return a store's address as a plan has it, and the variables with its password."""
    parts = urlsplit(store_url)
    name = database or parts.path.strip("/")
    url = f"postgresql://{parts.username}@{parts.hostname}:{parts.port}/{name}"
    return url, {"PGPASSWORD": parts.password or ""}
