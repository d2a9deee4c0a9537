"""An app that starts in milliseconds and says of itself what a service does; it trades nothing.

Its words: the commit that it was built from, the commits of its packages as JSON, and a file of profiles as JSON:
``{"dual_momentum": ["Dual Momentum (GEM)", "direct"]}``. Needs the standard library only.
"""

import json
import os
import socket
import sys

COMMIT, PACKAGES, PROFILES = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
MANIFEST = "_FEATURE_SNAPSHOT_MANIFEST_PATH"
STALE = ("_FEATURE_SNAPSHOT_PATH", MANIFEST, "_STRATEGY_CONFIG_PATH")


def version() -> dict[str, object]:
    """Return what runs here."""
    profile = os.environ["STRATEGY_PROFILE"]
    with open(PROFILES) as file:
        display_name, input_mode = json.load(file)[profile]
    return {
        "service": os.environ["CLOUD_RUN_SERVICE"],
        "revision": os.environ["K_REVISION"],
        "commit": COMMIT,
        "image": os.environ.get("IMAGE", "unknown"),
        "packages": {name: {"version": "1", "url": "", "commit": commit} for name, commit in PACKAGES.items()},
        "profile": profile,
        "display_name": display_name,
        "input_mode": input_mode,
        "halts": ["all", "service", "account", "release"],
        "stale_snapshot_settings": sorted(name for name in os.environ if name.endswith(STALE))
        if input_mode == "direct"
        else [],
    }


def run(body: bytes) -> dict[str, object]:
    """Return the report of a run: of a probe, or of one that did nothing; a manifest named gone is not there."""
    said = version()
    report = {name: said[name] for name in ("profile", "display_name", "input_mode")}
    mode = json.loads(body or b"{}").get("mode", "paper")
    report |= {"key": {"mode": mode}, "outcome": "blocked", "reasons": ["held"], "orders": []}
    found = [value for name, value in os.environ.items() if name.endswith(MANIFEST)]
    if said["input_mode"] == "snapshot" and found and "gone" not in found[0]:
        report["reasoning"] = {"inputs": {"features": {"as_of": "2023-11-30", "age": 1, "digest": "d" * 64}}}
    elif said["input_mode"] == "snapshot":
        report["reasons"] = ["feature snapshot: no manifest at gs://gone"]
    return {"runs": [{"account_id": "REHEARSAL", "error": None, "report": report, "status": 200}]}


def answer(path: str, body: bytes) -> object:
    """Return the document of a path, None for one that is not known."""
    if path == "/version":
        return version()
    if path == "/run":
        return run(body)
    if path == "/backtest":
        return {"mode": json.loads(body)["mode"], "faults": []}
    return {"ready": True} if path in ("/ready", "/health") else None


def serve() -> None:
    """Answer one request after the other."""
    version()  # one that cannot say what it is does not start
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(os.environ["PORT"])))
        listener.listen(50)
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                request = stream.readline().split()
                length = 0
                while line := stream.readline().strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                if not request:
                    continue
                document = answer(request[1].decode(), stream.read(length))
                status = "404 Not Found" if document is None else "200 OK"
                data = json.dumps(document or {"error": "no such path"}).encode()
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
                connection.sendall(head.encode() + data)


if __name__ == "__main__":
    serve()
