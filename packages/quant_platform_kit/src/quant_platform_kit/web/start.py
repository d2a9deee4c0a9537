"""How an app's process begins: ``python -m NAME_app``."""

from __future__ import annotations

import gc
from importlib import import_module

__all__ = ["start"]


def start(app: str) -> None:
    """Import an app and serve what its ``compose`` returns, until the process is told to stop.

    No garbage is looked for during the imports, as they make none: that is a sixth of a cold start. What they made is
    left out of every later search, see `quant_platform_kit.web.serve.main`.

    Parameters
    ----------
    app
        Import name of the app, such as ``paper_app``.
    """
    gc.disable()
    from quant_platform_kit.web.serve import main

    main(import_module(f"{app}.compose").compose)
