"""The websockets: who is at the other end, what it has subscribed to, and how its requests are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import ClientConnectionResetError, WSMsgType, web

from venue_sandbox.exchange.faults import (
    DelayedAccept,
    DropAfter,
    DropBefore,
    ErrorAnswer,
    RequestFacts,
    Silent,
    SilentDrop,
    VenueFault,
)
from venue_sandbox.venues.http.connections import cut
from venue_sandbox.venues.longbridge import frames, messages
from venue_sandbox.venues.longbridge.calls import QUOTE_COMMANDS, TRADE_COMMANDS
from venue_sandbox.venues.longbridge.candlesticks import BadQuery
from venue_sandbox.venues.longbridge.context import LongBridgeContext
from venue_sandbox.venues.longbridge.messages import SocketCommand
from venue_sandbox.venues.longbridge.protobuf import BadMessage, Message

__all__ = ["NOT_SERVED", "Answered", "Command", "Denied", "Kind", "Socket", "Sockets"]

PING_SECONDS = 20.0
INVALID_REQUEST = 3
UNAUTHENTICATED = 5
NOT_SERVED = 301_600
NOT_GOOD = 403_001

Kind = Literal["quote", "trade"]
Values = Mapping[str, Any]


class Denied(Exception):
    """A request on a socket is answered with an error."""

    def __init__(self, code: int, message: str, status: int = frames.FAILED) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Answered:
    """What is answered, and what is written after it."""

    message: Message
    values: Values
    then: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what faults call it, what it carries, and what it does."""

    operation: str
    request: Message
    run: Callable[[Socket, Values], Answered]


@dataclass(slots=True, eq=False)
class Socket:
    """One websocket.

    Attributes
    ----------
    account
        The account of its session, which it keeps when sessions can be taken up no more; empty before there is one.
    subscribed
        Topics, or symbols, that it hears of.
    dead
        Whether nothing passes any more.
    """

    context: LongBridgeContext
    kind: Kind
    request: web.Request
    wire: web.WebSocketResponse
    account: str = ""
    subscribed: set[str] = field(default_factory=set[str])
    dead: bool = False
    _outgoing: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue[bytes])

    def push(self, command: int, body: bytes) -> None:
        """Write a message that answers nothing."""
        self._outgoing.put_nowait(frames.push(command, body, gzipped=self.context.gzip))

    def respond(self, request: frames.Request, status: int, body: bytes) -> None:
        """Write an answer."""
        self._outgoing.put_nowait(frames.response(request, status, body, gzipped=self.context.gzip))

    def fail(self, request: frames.Request, denied: Denied) -> None:
        """Write an answer that is an error."""
        self.respond(request, denied.status, messages.ERROR.encode({"code": denied.code, "msg": str(denied)}))

    def abort(self) -> None:
        """Reset the connection."""
        cut(self.request)

    def die(self) -> None:
        """Let nothing pass any more, and do not end."""
        self.dead = True
        if self.request.transport is not None:
            self.request.transport.pause_reading()

    async def write(self) -> None:
        """Write what there is to write, and keep the client from thinking that nobody is there."""
        with suppress(ClientConnectionResetError, ConnectionError):
            while True:
                try:
                    data = await asyncio.wait_for(self._outgoing.get(), PING_SECONDS)
                except TimeoutError:
                    data = None
                if not self.dead and data is None:
                    await self.wire.ping()
                elif not self.dead and data is not None:
                    await self.wire.send_bytes(data)


class Sockets:
    """All websockets of a venue.

    Parameters
    ----------
    commands
        What a socket of each sort answers, beside logging in.
    """

    def __init__(self, context: LongBridgeContext, commands: Mapping[Kind, Mapping[int, Command]]) -> None:
        self._context = context
        self._commands = {kind: {**_LOGIN, **own} for kind, own in commands.items()}
        self._open: set[Socket] = set()

    def of(self, kind: Kind) -> list[Socket]:
        """Return the sockets of a sort that are open."""
        return [socket for socket in self._open if socket.kind == kind]

    def die(self, kind: Kind | None) -> None:
        """Let the sockets of a sort, or all, go dead."""
        for socket in self._open:
            if kind in (None, socket.kind):
                socket.die()

    async def serve(self, request: web.Request, kind: Kind) -> web.StreamResponse:
        """Serve one socket to its end."""
        wire = web.WebSocketResponse()
        await wire.prepare(request)
        socket = Socket(self._context, kind, request, wire)
        self._open.add(socket)
        writing = asyncio.create_task(socket.write())
        try:
            async for message in wire:
                if message.type is WSMsgType.BINARY and not socket.dead:
                    self._read(socket, message.data)
        finally:
            self._open.discard(socket)
            writing.cancel()
        return wire

    def _read(self, socket: Socket, data: bytes) -> None:
        """Answer a frame; one that is no request is answered with an error that names it as far as it can be read."""
        try:
            self._receive(socket, frames.read_request(data))
        except frames.BadFrame as error:
            denied = Denied(NOT_SERVED, f"the frame is no request: {error}", INVALID_REQUEST)
            socket.fail(frames.head_of(data), denied)

    def _receive(self, socket: Socket, request: frames.Request) -> None:
        """Answer a request as the fault that hits it says."""
        command = self._commands[socket.kind].get(request.command)
        if command is None:
            socket.fail(request, _denial(socket.kind, request.command))
            return
        fault = self._context.venue.faults.take(RequestFacts(command.operation, socket.account))
        match fault:
            case DropBefore():
                socket.abort()
            case DropAfter():
                _run(socket, command, request)
                socket.abort()
            case DelayedAccept():
                asyncio.get_running_loop().call_later(fault.seconds, _answer, socket, command, request)
                if fault.cut:
                    socket.abort()
            case Silent():
                _run(socket, command, request)
            case SilentDrop():
                pass
            case ErrorAnswer():
                socket.fail(request, Denied(fault.code, fault.message))
            case VenueFault() | None:
                _answer(socket, command, request)


def _denial(kind: Kind, command: int) -> Denied:
    """Return how a command is answered that is not served."""
    row = (QUOTE_COMMANDS if kind == "quote" else TRADE_COMMANDS).get(command)
    if row is None:
        return Denied(NOT_SERVED, f"command {command} is not known", INVALID_REQUEST)
    return Denied(int(row.code), row.text)


def _answer(socket: Socket, command: Command, request: frames.Request) -> None:
    answered = _run(socket, command, request)
    if isinstance(answered, Denied):
        socket.fail(request, answered)
        return
    socket.respond(request, frames.OK, answered.message.encode(answered.values))
    if answered.then is not None:
        answered.then()


def _run(socket: Socket, command: Command, request: frames.Request) -> Answered | Denied:
    try:
        if not socket.account and request.command not in _LOGIN:
            raise Denied(NOT_GOOD, "not authenticated", UNAUTHENTICATED)
        return command.run(socket, command.request.decode(request.body))
    except Denied as denied:
        return denied
    except (BadQuery, BadMessage) as error:
        return Denied(NOT_SERVED, str(error), INVALID_REQUEST)


# --- logging in --------------------------------------------------------------------------------------


def _authenticate(socket: Socket, values: Values) -> Answered:
    return _opened(socket, socket.context.sessions.open(values["token"]))


def _reconnect(socket: Socket, values: Values) -> Answered:
    return _opened(socket, socket.context.sessions.reopen(values["session_id"]))


def _opened(socket: Socket, session: str | None) -> Answered:
    if session is None:
        raise Denied(NOT_GOOD, "the password or session is not good", UNAUTHENTICATED)
    socket.account = socket.context.sessions.account(session)
    expires = socket.context.sessions.expires(session)
    return Answered(messages.SESSION, {"session_id": session, "expires": expires, "limit": 10, "online": 1})


def _beat(socket: Socket, values: Values) -> Answered:
    return Answered(Message(), {})


_LOGIN: Mapping[int, Command] = {
    SocketCommand.HEARTBEAT: Command("heartbeat", Message(), _beat),
    SocketCommand.AUTH: Command("auth", messages.AUTH, _authenticate),
    SocketCommand.RECONNECT: Command("reconnect", messages.RECONNECT, _reconnect),
}
