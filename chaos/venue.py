"""Starting and stopping the paper venue of a campaign."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType


class PaperVenueProcess:
    """A paper venue in a process of its own, on a free loopback port, that does not know repeated ids."""

    def __init__(self, folder: Path, dedupe: str = "off") -> None:
        self._command = [sys.executable, "-m", "quant_platform_kit.paper.venue"]
        self._command += ["--folder", str(folder / "venue"), "--dedupe", dedupe, "--delay", "0.12"]
        self.port = 0

    def __enter__(self) -> "PaperVenueProcess":
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = json.loads(self._process.stdout.readline())["port"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(5)
