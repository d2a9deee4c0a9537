"""The `quant` command of a drill: with an emulator in Google's place, or a defect, where the environment says so."""

import os
from typing import Any

from quant_platform_kit.adapters import stores
from quant_platform_kit.cli.main import main

from chaos.restore.mutants import IN_QUANT
from chaos.restore.scripts import ENDPOINT, MUTANT

__all__ = ["at_the_emulator"]


def at_the_emulator(endpoint: str) -> None:
    """Ask an emulator where the command would ask Google."""
    module: Any = stores
    opened = stores.open_gs

    def open_gs(url: str, **options: Any) -> Any:
        return opened(url, **{**options, "endpoint": endpoint})

    module.open_gs = open_gs


if __name__ == "__main__":
    variables = os.environ  # noqa: TID251 - the drill's own
    if variables.get(ENDPOINT):
        at_the_emulator(variables[ENDPOINT])
    if variables.get(MUTANT) in IN_QUANT:
        IN_QUANT[variables[MUTANT]]()
    main()
