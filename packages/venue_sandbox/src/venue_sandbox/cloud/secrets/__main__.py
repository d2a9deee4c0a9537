"""Run the Secret Manager emulator."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from venue_sandbox.cloud.enforcing import add_option, shared
from venue_sandbox.cloud.rest import ApiError
from venue_sandbox.cloud.secrets.api import application
from venue_sandbox.cloud.secrets.vault import Vault
from venue_sandbox.servers.serving import Ports, arguments, listening, run


def main() -> None:
    """Read the command line and serve."""
    parser = arguments("Secret Manager as its REST API shows it, on 127.0.0.1, for tests.")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep secrets in DIR over restarts")
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        type=_secret,
        metavar="NAME[=VALUE]",
        help="create projects/P/secrets/S at the start, with a version if it has a value, unless it is there",
    )
    add_option(parser)
    options = parser.parse_args()

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        with closing(Vault(options.state)) as vault:
            for name, value in options.secret:
                _create(vault, name, value)
            async with listening(application(vault, shared(options.policies)), options.port) as port:
                yield {"port": port}

    run(serve, stop_at_eof=options.stop_at_eof)


def _create(vault: Vault, name: str, value: str) -> None:
    try:
        vault.create(name)
    except ApiError:
        return
    if value:
        vault.add(name, value.encode())


def _secret(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    match name.split("/"):
        case ["projects", project, "secrets", secret] if project and secret:
            return name, value
        case _:
            raise argparse.ArgumentTypeError(f"{name} is not projects/P/secrets/S")


if __name__ == "__main__":
    main()
