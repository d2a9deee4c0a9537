"""Questions that are asked at once, each in a thread of its own; nobody waits for one whose answer is not wanted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from quant_platform_kit.domain.errors import QuantError

__all__ = ["soon", "tried"]

_T = TypeVar("_T")


def soon(ask: Callable[[], _T]) -> Callable[[], _T]:
    """Begin to ask; call what is returned for the answer. An error of the question is raised then."""
    answer: Future[_T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - handed on to whoever wants the answer
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer.result


def tried(ask: Callable[[], _T]) -> _T | QuantError:
    """Return an answer, or why there is none."""
    try:
        return ask()
    except QuantError as error:
        return error
