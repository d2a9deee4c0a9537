"""Prometheus's promtool, which tests rules of alerts; it serves nothing.

The program is that of this machine. On Debian or Ubuntu, a missing one is unpacked from the distribution's packages,
not installed: the installed package would start Prometheus as a daemon.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from venue_sandbox.servers.machine import Say, system
from venue_sandbox.servers.unpacked import unpacked

__all__ = ["promtool"]

PACKAGE, PROGRAM = "prometheus", "promtool"
NO_PROMTOOL = """\
promtool is not on this machine, and cannot be had from here. Do one of these and run again:
  Debian, Ubuntu   sudo apt-get update
  others           download Prometheus from https://prometheus.io/download, and set
                   TEST_PROMTOOL=/folder/of/it/promtool"""


def promtool(say: Say = lambda line: None) -> str:
    """Return where the program is, which is fetched where it is not on this machine.

    Parameters
    ----------
    say
        Is told what happens, a line at a time.

    Raises
    ------
    CannotRun
        It could not be had.
    """
    if installed := system(PROGRAM):
        return installed
    tree = unpacked(PACKAGE, (PACKAGE,), _without_pages, say, otherwise=NO_PROMTOOL)
    return str(tree.root / "usr" / "bin" / PROGRAM)


def _without_pages(root: Path) -> None:
    """Leave out the pages of Prometheus itself, two thirds of it all."""
    shutil.rmtree(root / "usr" / "share")
