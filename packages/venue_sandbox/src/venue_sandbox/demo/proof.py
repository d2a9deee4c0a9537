"""Proof: every run decides the same again from its recorded inputs, and a changed byte is found."""

from __future__ import annotations

from pathlib import Path

from quant_platform_kit.cli.output import console

from venue_sandbox.demo.command_line import quant
from venue_sandbox.demo.tour import check
from venue_sandbox.stands.paper import PaperPlatform

__all__ = ["replay_step"]

REPLAY = 'replay --all --reports "$REPORT_STORE_URL"'


def replay_step(platform: PaperPlatform) -> None:
    """Replay every run, then again with one byte of one recorded input changed."""
    say = console()
    say.rule("7  Replay: every decision again, from recorded inputs, with sockets denied")
    say.print(f"quant {REPLAY}")
    replayed = quant(platform, REPLAY)
    say.print(replayed.stdout.strip().splitlines()[-1], soft_wrap=True)
    check(replayed.returncode == 0, f"replay failed: {replayed.stderr}")
    changed = _inputs(platform)[-1]
    content = changed.read_bytes()
    middle = len(content) // 2
    changed.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    say.print(f"\none bit of {changed.relative_to(platform.folder)} is flipped", soft_wrap=True)
    refused = quant(platform, REPLAY)
    changed.write_bytes(content)
    check(refused.returncode == 1 and changed.name[:16] in refused.stderr + refused.stdout, "the change was not found")
    say.print(f"[red]{refused.stderr.strip().splitlines()[-1]}[/red]\n", soft_wrap=True)


def _inputs(platform: PaperPlatform) -> list[Path]:
    """Return the files of recorded inputs, the largest last."""
    files = [path for path in (platform.folder / "reports" / "inputs").iterdir() if path.is_file()]
    return sorted(files, key=lambda path: (path.stat().st_size, path.name))
