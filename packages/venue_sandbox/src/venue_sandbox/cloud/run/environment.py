"""The environment of a revision's instance: its values, and the secrets it refers to as they are now."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from venue_sandbox.cloud.run.errors import FAILED_PRECONDITION, INTERNAL, NOT_FOUND, PERMISSION_DENIED, NotReady
from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.specs import container

__all__ = ["Secrets", "environment", "version_name"]

SECONDS = ClientTimeout(total=10)
ROLE = (
    "The service account used must be granted the 'Secret Manager Secret Accessor' role "
    "(roles/secretmanager.secretAccessor) at the secret, project or higher level."
)


def version_name(reference: Document, project: str) -> str:
    """Return the full name of the version that a reference means; ``latest`` if it names none."""
    secret = reference["secret"]
    full = secret if "/" in secret else f"projects/{project}/secrets/{secret}"
    return f"{full}/versions/{reference.get('version', 'latest')}"


class Secrets:
    """The Secret Manager that secrets are read from.

    Parameters
    ----------
    url
        Its address, such as ``http://127.0.0.1:40213``; None if there is none.
    """

    def __init__(self, session: ClientSession, url: str | None) -> None:
        self._session = session
        self._url = url

    async def read(self, place: int, version: str, account: str) -> str:
        """Return the value of a version.

        Parameters
        ----------
        place
            Which variable of the container it is for.
        account
            The service account that reads it.

        Raises
        ------
        NotReady
            It cannot be read.
        """
        if self._url is None:
            raise NotReady.no_secret(place, f"{version}: this server was started without --secrets", INTERNAL)
        try:
            address, headers = f"{self._url}/v1/{version}:access", {"Authorization": f"Bearer {account}"}
            async with self._session.get(address, headers=headers, timeout=SECONDS) as answer:
                status, document = answer.status, await answer.json(content_type=None)
        except (ClientError, TimeoutError, ValueError) as error:
            why = f"Secret {version} could not be read: {type(error).__name__}"
            raise NotReady.no_secret(place, why, INTERNAL) from error
        if status == HTTPStatus.OK:
            return _value(place, version, document)
        raise _unreadable(place, version, account, status, document)


async def environment(project: str, template: Document, secrets: Secrets) -> dict[str, str]:
    """Return the variables of a template; `NotReady` if a secret cannot be read."""
    account = template["serviceAccount"]
    made: dict[str, str] = {}
    for place, variable in enumerate(container(template).get("env", [])):
        reference = variable.get("valueSource", {}).get("secretKeyRef")
        if reference is None:
            made[variable["name"]] = variable.get("value", "")
        else:
            made[variable["name"]] = await secrets.read(place, version_name(reference, project), account)
    return made


def _value(place: int, version: str, document: Any) -> str:
    try:
        return base64.b64decode(document["payload"]["data"], validate=True).decode()
    except (KeyError, TypeError, ValueError) as error:
        raise NotReady.no_secret(place, f"Secret {version} has no value that is a text", INTERNAL) from error


def _unreadable(place: int, version: str, account: str, status: int, document: Any) -> NotReady:
    if status == HTTPStatus.FORBIDDEN:
        why = f"Permission denied on secret: {version} for Revision service account {account}. {ROLE}"
        return NotReady.no_secret(place, why, PERMISSION_DENIED)
    if status == HTTPStatus.NOT_FOUND:
        return NotReady.no_secret(place, f"Secret {version} was not found", NOT_FOUND)
    try:
        said = document["error"]["message"]
    except (KeyError, TypeError):
        said = ""
    code = FAILED_PRECONDITION if status == HTTPStatus.BAD_REQUEST else INTERNAL
    return NotReady.no_secret(place, f"Secret {version} could not be read: {said or status}", code)
