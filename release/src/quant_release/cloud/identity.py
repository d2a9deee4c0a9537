"""Identity tokens in the name of the account that calls a service, as its job has them."""

from __future__ import annotations

from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession
from quant_platform_kit.domain.redaction import hide
from requests import Response

from quant_release.cloud.calls import CALL_SECONDS, Calls, CloudError

__all__ = ["IdentityTokens"]

GOOGLE = "https://iamcredentials.googleapis.com"
_OK, _FORBIDDEN = 200, 403


class IdentityTokens:
    """Tokens that IAM signs for a service account.

    Parameters
    ----------
    credentials
        Of whoever runs the release: they need ``roles/iam.serviceAccountTokenCreator`` on the account.
    url
        A server of this machine instead of Google's.
    """

    def __init__(self, credentials: Credentials, calls: Calls, url: str | None) -> None:
        self._session, self._calls, self._url = AuthorizedSession(credentials), calls, url or GOOGLE
        self._known: dict[tuple[str, str], str] = {}

    def token(self, account: str, audience: str) -> str:
        """Return a token for an audience in an account's name; it is hidden from every text.

        Raises
        ------
        CloudError
            There is none: it says who lacks what.
        """
        if (account, audience) not in self._known:
            token = self._signed(account, audience)
            hide([token])
            self._known[account, audience] = token
        return self._known[account, audience]

    def _signed(self, account: str, audience: str) -> str:
        what = f"a token in the name of {account}"
        url = f"{self._url}/v1/projects/-/serviceAccounts/{account}:generateIdToken"
        wanted = {"audience": audience, "includeEmail": True}
        answer = self._calls.looked_up(
            what, lambda: _passing(self._session.post(url, json=wanted, timeout=CALL_SECONDS))
        )
        if answer.status_code == _FORBIDDEN:
            raise CloudError(
                f"{what} is refused: whoever runs this release lacks iam.serviceAccounts.getOpenIdToken on {account}; "
                "grant roles/iam.serviceAccountTokenCreator on it"
            )
        try:
            token = answer.json()["token"] if answer.status_code == _OK else None
        except (ValueError, KeyError, TypeError):
            token = None
        if not isinstance(token, str) or not token:
            raise CloudError(f"{what} is answered {answer.status_code} without a token")
        return token


def _passing(answer: Response) -> Response:
    """Raise for an answer that is worth another try."""
    if answer.status_code in (429, 500, 502, 503, 504):
        answer.raise_for_status()
    return answer
