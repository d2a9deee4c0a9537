"""What answers over HTTP: the API of the cluster, the registry, the forge."""

from __future__ import annotations

import json
import os

from .forge import api
from .world import End, not_yet, option

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from collections.abc import Callable

    from .world import World


def curl(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Answer over HTTP."""
    url = words[-1]
    authority = option(words, "--cacert")
    if (url.startswith("https:") and not os.path.exists(authority)) or "--insecure" in words:
        world["violations"].append(f"{url} was asked without our authority")
    if not world["cloud"].get("server"):
        raise End(7, "", "curl: (7) Failed to connect\n")
    if url.endswith(":6443/readyz"):
        if not_yet(world):
            raise End(22, "", "curl: (22) The requested URL returned error: 503\n")
        raise End(0, "ok")
    if "/v2/event_trading/manifests/" in url:
        if digest := world["registry"].get(url.rpartition("/")[2]):
            raise End(0, f"HTTP/1.1 200 OK\r\nDocker-Content-Digest: {digest}\r\n\r\n")
        raise End(22, "", "curl: (22) The requested URL returned error: 404\n")
    if "stores" not in world["objects"]:
        raise End(7, "", "curl: (7) Failed to connect\n")
    if url.endswith("/api/healthz"):
        if not_yet(world):
            raise End(22, "", "curl: (22) The requested URL returned error: 502\n")
        raise End(0, '{"status": "pass"}')
    status, answer = api(world, option(words, "--request"), url.partition("/api/v1")[2], given)
    raise End(0, f"{json.dumps(answer)}\n{status}")
