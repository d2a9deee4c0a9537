"""Back-tests read back out of the folders that `quant backtest` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report.files import SUMMARY
from quant_platform_kit.report.origin import ORIGIN

__all__ = ["KeptDecision", "KeptResult", "read_results"]


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """What was decided on a session.

    Attributes
    ----------
    targets
        Weights or values by symbol as text; None without an intent.
    """

    action: str
    target_mode: str | None
    targets: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class KeptResult:
    """A back-test as its folder has it.

    Attributes
    ----------
    name
        The folder's name; its path where another folder has the same name.
    equity
        At each session's close, shape (n,).
    decisions
        By the session decided on.
    summary
        The content of summary.json.
    digest
        SHA-256 of summary.json.
    """

    name: str
    folder: Path
    sessions: tuple[date, ...]
    equity: FloatArray
    decisions: Mapping[date, KeptDecision]
    summary: Mapping[str, Any]
    digest: str

    @property
    def origin(self) -> Mapping[str, Any]:
        """What produced it."""
        return self.summary[ORIGIN]


def read_results(folders: Sequence[Path]) -> list[KeptResult]:
    """Read the back-tests of some folders.

    Raises
    ------
    InvalidInput
        A folder that is named twice, holds no back-test, or one that is damaged or of an older version.
    """
    paths = [folder.resolve() for folder in folders]
    for i, path in enumerate(paths):
        if path in paths[:i]:
            raise InvalidInput(f"{folders[i]} is named twice; name each result once")
    names = [path.name for path in paths]
    shown = [str(folder) if names.count(name) > 1 else name for folder, name in zip(folders, names, strict=True)]
    return [_read(folder, name) for folder, name in zip(folders, shown, strict=True)]


def _read(folder: Path, name: str) -> KeptResult:
    try:
        content = (folder / SUMMARY).read_bytes()
        summary: Any = json.loads(content)
        lines = (folder / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
        file = import_module("pyarrow.parquet").ParquetFile(folder / "equity.parquet")
        columns = file.read(["session", "equity"]).to_pydict()
        sessions, equity = tuple(columns["session"]), np.array(columns["equity"], dtype=np.float64)
        _check(summary, equity)
        return KeptResult(name, folder, sessions, equity, dict(map(_decision, lines)), summary, sha256(content))
    except ImportError:
        raise InvalidInput("reading results needs pyarrow: install quant-platform-kit[data]") from None
    except FileNotFoundError as error:
        lacking = Path(str(error.filename)).name if error.filename else "equity.parquet"
        raise InvalidInput(
            f"{folder} holds no back-test: it has no {lacking}; name a folder that `quant backtest --out` wrote"
        ) from None
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InvalidInput(f"{folder} holds a back-test that cannot be read ({why}); run it again") from None


def _check(summary: Any, equity: FloatArray) -> None:
    if ORIGIN not in summary:
        raise ValueError(f"{SUMMARY} does not say what produced it, as older versions do not")
    if len(equity) < 2 or not np.all(np.isfinite(equity) & (equity > 0)):
        raise ValueError("equity.parquet has no curve above zero")


def _decision(line: str) -> tuple[date, KeptDecision]:
    read: Any = json.loads(line)
    return date.fromisoformat(read["as_of"]), KeptDecision(read["action"], read["target_mode"], read["targets"])
