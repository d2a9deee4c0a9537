"""Requests are held against the policies of a project: whoever has no role for one is answered 403."""

from __future__ import annotations

import argparse
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from venue_sandbox.cloud.database import opened
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.rest import ApiError
from venue_sandbox.servers.control import CONTROL

__all__ = ["Needed", "add_option", "denied", "enforcing", "member", "shared"]

Refusal = Callable[[str, "Needed"], Exception]


class Needed(NamedTuple):
    """A permission that a request takes.

    Attributes
    ----------
    resources
        Any of whose policies may give it: what the request is about comes first, its project last.
    """

    permission: str
    resources: tuple[str, ...]


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a server the option that has it keep to policies."""
    parser.add_argument(
        "--policies",
        type=Path,
        metavar="FILE",
        help="keep policies in FILE, which the emulators of a project share, and answer 403 to whoever lacks a role",
    )


def shared(file: Path | None) -> Policies | None:
    """Open the policies that the emulators of a project share; None where there is no such file."""
    return None if file is None else Policies(opened(file.parent, file.name, "PRAGMA journal_mode = WAL;"))


def member(request: web.Request) -> str:
    """Return who asks, as a policy names them: the bearer token is their address; empty for nobody."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not re.fullmatch(r"[^\s@]+@[^\s@]+", token):
        return ""
    return f"serviceAccount:{token}" if token.endswith(".gserviceaccount.com") else f"user:{token}"


def denied(_who: str, needed: Needed) -> ApiError:
    """Return the error of somebody who lacks a permission."""
    where = f"resource '{needed.resources[0]}' (or it may not exist)"
    return ApiError(403, "PERMISSION_DENIED", f"Permission '{needed.permission}' denied on {where}.")


def enforcing(
    policies: Policies | None,
    needs: Callable[[web.Request], Awaitable[Sequence[Needed]]],
    refusal: Refusal = denied,
) -> Middleware:
    """Return a middleware that refuses whoever lacks what a request takes; without policies everybody may do all.

    Parameters
    ----------
    needs
        What a request takes; nothing where everybody may make it.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if policies is not None and not request.path.startswith(CONTROL):
            who = member(request)
            for needed in await needs(request):
                if not policies.permits(who, needed.permission, needed.resources):
                    raise refusal(who, needed)
        return await handler(request)

    return check
