"""Outcomes of trials in a folder, and the journal beside it that counts them all."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np

from quant_platform_kit.adapters.durable_files import make_folders, store_errors, sync_folder, written_beside
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Damaged
from quant_platform_kit.domain.sweeping import Counted, Outcome, Trial

__all__ = ["JOURNAL", "TrialFolder"]

JOURNAL = "trials.jsonl"
POINTS = "points"


class TrialFolder:
    """`TrialRecords` in files: an outcome each below ``out/points``, and one line per trial in an append-only journal.

    Nothing is written before the first trial is kept.

    Parameters
    ----------
    out
        Folder of the sweep's results.
    journal
        The journal's file; None for ``trials.jsonl`` beside ``out``. Journals are of any number of profiles and files.
    profile, prices
        Whose trials are counted: the profile, and the SHA-256 of its price files.
    """

    def __init__(self, out: Path, journal: Path | None, profile: str, prices: str) -> None:
        self.journal = journal or out.absolute().parent / JOURNAL
        self.is_new = not self.journal.exists()
        self._points = out / POINTS
        self._of = {"profile": profile, "prices": prices}
        self._known = self._read()

    def find(self, trial: Trial) -> Outcome | None:
        """Return the outcome of a trial that was kept whole, or None."""
        try:
            with np.load(self._file(trial)) as kept:
                sessions, equity, figures = (kept[name] for name in ("sessions", "equity", "figures"))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return Outcome(tuple(sessions.tolist()), equity, json.loads(str(figures)))

    def keep(self, trial: Trial, outcome: Outcome) -> None:
        """Keep an outcome, whole or not at all."""
        content = BytesIO()
        figures = np.array(json.dumps(dict(outcome.figures), allow_nan=False))
        sessions = np.array(outcome.sessions, dtype="datetime64[D]")
        np.savez(content, sessions=sessions, equity=outcome.equity, figures=figures)
        with store_errors(trial.key):
            written_beside(self._file(trial), content.getvalue()).replace(self._file(trial))

    def count(self, trial: Trial, until: str, sharpe: float) -> None:
        """Count a trial, unless it is counted already."""
        if (trial.key, until) in self._known:
            return
        line = {**self._of, "trial": trial.key, "until": until, "sharpe": sharpe, "config": trial.config}
        with store_errors(str(self.journal)):
            self._append(canonical_json(line) + b"\n")
        self._known[trial.key, until] = sharpe

    def counted(self, trials: Sequence[Trial], until: str) -> Counted:
        """Return what the journal knows now; ``trials`` are those of this sweep."""
        known = self._read()
        own = {(trial.key, until) for trial in trials}
        sharpe = np.array(list(known.values()))
        variance = float(sharpe.var(ddof=1)) if len(sharpe) > 1 else 0.0
        return Counted(str(self.journal), len(known), len(known.keys() - own), variance)

    def _file(self, trial: Trial) -> Path:
        return self._points / f"{trial.key}.npz"

    def _read(self) -> dict[tuple[str, str], float]:
        """Return the Sharpe ratios of the trials counted, by trial and last session, in a fixed order."""
        with store_errors(str(self.journal)):
            content = b"" if not self.journal.exists() else self.journal.read_bytes()
        lines = content.split(b"\n")[:-1]  # a line that a crash cut short never happened
        read = (self._line(number, line) for number, line in enumerate(lines, 1))
        of = [line for line in read if all(line[name] == value for name, value in self._of.items())]
        return {(line["trial"], line["until"]): line["sharpe"] for line in sorted(of, key=_identity)}

    def _line(self, number: int, text: bytes) -> Mapping[str, Any]:
        try:
            line: Any = json.loads(text)
            if all(type(line[name]) is str for name in ("profile", "prices", "trial", "until")):
                return {**line, "sharpe": float(line["sharpe"])}
        except (ValueError, TypeError, KeyError):
            pass
        raise Damaged(f"line {number} of the journal of trials {self.journal} cannot be read")

    def _append(self, line: bytes) -> None:
        make_folders(self.journal.parent)
        begins = not self.journal.exists()
        with self.journal.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _cut_torn(file)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if begins:
            sync_folder(self.journal.parent)


def _cut_torn(file: BinaryIO) -> None:
    """Cut off a last line that a crash left without its end."""
    if not file.seek(0, os.SEEK_END):
        return
    file.seek(-1, os.SEEK_END)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def _identity(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["trial"], line["until"]
