"""Files that are made from others: they are written, or compared and complained of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from checkout import ROOT

__all__ = ["write_or_check"]


def write_or_check(description: str, files: Mapping[str, str]) -> int:
    """Write files, or with ``--check`` compare them.

    Parameters
    ----------
    description
        What the script does.
    files
        Texts by path, relative to the checkout.

    Returns
    -------
    int
        The exit status: 1 where a file differs, 0 otherwise.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    only_check = parser.parse_args().check
    differing = [path for path, text in files.items() if not _has(path, text)]
    for path in differing:
        if only_check:
            print(f"{path} is out of date; run {sys.argv[0]}", file=sys.stderr)
        else:
            (ROOT / path).write_text(files[path], "utf-8")
    return 1 if only_check and differing else 0


def _has(path: str, text: str) -> bool:
    file = ROOT / path
    return file.is_file() and file.read_text("utf-8") == text
