"""Calls over the network: what can pass is asked again, everything else becomes one clear error."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.protobuf.json_format import ParseError
from quant_platform_kit.ports.clock import Clock
from requests.exceptions import RequestException

from quant_release.steps.machine import StepFailed

__all__ = ["CALL_SECONDS", "Calls", "Changed", "CloudError", "NotThere", "Unclear"]

_T = TypeVar("_T")

CALL_SECONDS = 30.0
"""How long one call may take."""
_PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before a question is asked again."""
_PATIENCE_SECONDS = 10.0
"""After so long, one that was not answered is not asked again."""
_LONGEST = 300
_BROKEN = (RequestException, ParseError, ValueError, TypeError, AttributeError)
"""What the clients raise for an answer that is none: HTML, a list, half a document, no answer at all."""


class CloudError(StepFailed):
    """Google, or a service, did not do or say what it was asked."""


class NotThere(CloudError):
    """What was asked for is not there."""


class Changed(CloudError):
    """Somebody else has written in between: this write was refused."""


class Unclear(CloudError):
    """Nobody knows whether a write took place: it has to be looked at."""


class Calls:
    """Makes calls in somebody's name.

    Parameters
    ----------
    who
        Whose permissions count, for errors that miss one.
    """

    def __init__(self, clock: Clock, who: str) -> None:
        self.clock, self._who = clock, who

    def looked_up(self, what: str, ask: Callable[[], _T]) -> _T:
        """Ask a question that changes nothing; what can pass is asked again for some seconds.

        Raises
        ------
        NotThere
            It is answered that this is not there.
        CloudError
            It is refused, or not answered.
        """
        latest = self.clock.monotonic() + _PATIENCE_SECONDS
        for pause in (*_PAUSES, None):
            try:
                return ask()
            except (exceptions.GoogleAPICallError, GoogleAuthError, *_BROKEN) as error:
                if pause is None or not _can_pass(error) or self.clock.monotonic() > latest:
                    raise self._meaning(what, error) from error
            self.clock.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def written(self, what: str, write: Callable[[], _T]) -> _T:
        """Make a change, once.

        Raises
        ------
        Changed
            It was planned on what is there no more.
        Unclear
            It may have taken place.
        CloudError
            It was refused.
        """
        try:
            return write()
        except (exceptions.Conflict, exceptions.Aborted, exceptions.PreconditionFailed) as error:
            raise Changed(f"{what}: {_text(error)}") from error
        except (exceptions.GoogleAPICallError, GoogleAuthError, *_BROKEN) as error:
            refused = isinstance(error, exceptions.ClientError) and not isinstance(error, exceptions.TooManyRequests)
            if refused or isinstance(error, GoogleAuthError):
                raise self._meaning(what, error) from error
            raise Unclear(f"{what}: {_text(error)}") from error

    def _meaning(self, what: str, error: Exception) -> CloudError:
        if isinstance(error, exceptions.NotFound):
            return NotThere(f"{what}: {_text(error)}")
        if isinstance(error, GoogleAuthError):
            return CloudError(
                f"{what}: no credentials: {_text(error)}; log in with `gcloud auth application-default login`"
            )
        if isinstance(error, exceptions.Forbidden):
            return CloudError(f"{what}: {_text(error)}; grant it to {self._who}")
        if isinstance(error, exceptions.GoogleAPICallError):
            code = "" if error.code is None else f" {int(error.code)} {HTTPStatus(int(error.code)).phrase}"
            return CloudError(f"{what} is answered{code}: {_text(error)}")
        if isinstance(error, RequestException) and not isinstance(error, ValueError):
            return CloudError(f"{what}: no answer: {type(error).__name__}")
        return CloudError(f"{what} is answered with something that is no such document: {_text(error)}")


def _can_pass(error: Exception) -> bool:
    passing = (exceptions.ServerError, exceptions.TooManyRequests, RequestException)
    return isinstance(error, passing) and not isinstance(error, ValueError)


def _text(error: Exception) -> str:
    """Return what an error says, in one line of a length that can be read."""
    message = getattr(error, "message", None)
    text = " ".join(str(message or error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
