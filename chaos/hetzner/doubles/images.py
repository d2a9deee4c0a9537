"""Images: docker builds and pushes them, uv exports what goes into them."""

from __future__ import annotations

from .world import option, sha256, wrote

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from collections.abc import Callable

    from .world import World


def docker(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Build and push images."""
    if words[0] == "push":
        tag = words[1].rpartition(":")[2]
        digest = "sha256:" + sha256("image")
        if world["registry"].get(tag) != digest:
            world["registry"][tag] = digest
            wrote(world, f"push {'commit' if len(tag) == 40 else tag}")


def uv(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Export the lock."""
    open(option(words, "--output-file"), "w").write("pinned\n")
