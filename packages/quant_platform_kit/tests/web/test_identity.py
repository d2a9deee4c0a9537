"""Who may ask: identity tokens signed with a key of these tests, checked as those of the real issuer are."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.web.app import create_app
from quant_platform_kit.web.identity import IdentityCheck

from .test_service import DUE, PRIVATE, TIME, House, report_of

AUDIENCE = "https://paper-service.example"
SCHEDULER, READER, STRANGER = "scheduler@example.com", "ana@example.com", "mallory@example.com"
READABLE = ("/account", "/runs", "/runs/x", "/version")
Token = Callable[..., str]


def key() -> rsa.RSAPrivateKey:
    """Return a new key."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def issuer() -> rsa.RSAPrivateKey:
    return key()


@pytest.fixture(scope="module")
def keys(issuer: rsa.RSAPrivateKey) -> dict[str, Any]:
    """Return what the issuer publishes."""
    shown = RSAAlgorithm.to_jwk(issuer.public_key(), as_dict=True)
    return {"keys": [{"kty": "RSA", "n": shown["n"], "e": shown["e"], "kid": "one", "use": "sig", "alg": "RS256"}]}


@pytest.fixture(scope="module")
def token(issuer: rsa.RSAPrivateKey) -> Token:
    """Return a maker of tokens; keywords overwrite claims, and None leaves one out."""

    def make(email: str | None = SCHEDULER, signed_by: Any = None, kid: str = "one", **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "sub": "1234567890",
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        }
        named = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(named, signed_by or issuer, "RS256", {"kid": kid})

    return make


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any]) -> House:
    """Return a house whose door asks for a token."""
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda self: keys)
    return House(oidc_audience=AUDIENCE, oidc_service_account=SCHEDULER, oidc_readers=(READER,))


def run(house: House, authorization: Any) -> Any:
    """Trigger a run with a header of one's own."""
    headers = {TIME: DUE} if authorization is None else {TIME: DUE, "Authorization": authorization}
    return house.ask("POST", "/run", headers)


def encoded(text: bytes) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


# --- who may ------------------------------------------------------------------------------------------


def test_the_scheduler_may_trigger_and_read(guarded: House, token: Token) -> None:
    assert run(guarded, f"Bearer {token()}").status_code == 200
    for path in ("/runs", f"/runs/{guarded.run_id()}", "/version"):
        assert guarded.get(path, Authorization=f"Bearer {token()}").status_code == 200


def test_a_reader_may_read_and_not_trigger(guarded: House, token: Token) -> None:
    before = guarded.picture
    for path in ("/runs", "/version"):
        assert guarded.get(path, Authorization=f"Bearer {token(READER)}").status_code == 200
    answer = run(guarded, f"Bearer {token(READER)}")
    assert (answer.status_code, answer.json()) == (403, {"error": f"the token is of {READER}, who may not do this"})
    assert guarded.picture == before


def test_a_probe_with_the_token_of_the_scheduler_is_told_about_and_with_another_is_not(
    guarded: House, token: Token
) -> None:
    for refused in (token(READER), token(STRANGER)):
        assert guarded.run(mode="probe", Authorization=f"Bearer {refused}").status_code == 403
    assert guarded.postbox.sent == []
    report_of(guarded.run(mode="probe", Authorization=f"Bearer {token()}"))
    assert [told.title for told in guarded.postbox.about("first")] == ["house now runs Scripted, revision unknown"]


@pytest.mark.parametrize("path", READABLE)
def test_a_stranger_may_do_nothing(guarded: House, token: Token, path: str) -> None:
    before = guarded.picture
    said = {"error": f"the token is of {STRANGER}, who may not do this"}
    for answer in (
        run(guarded, f"Bearer {token(STRANGER)}"),
        guarded.get(path, Authorization=f"Bearer {token(STRANGER)}"),
    ):
        assert (answer.status_code, answer.json()) == (403, said)
    assert guarded.picture == before


def test_health_and_readiness_need_no_token(guarded: House) -> None:
    assert [guarded.get(path).status_code for path in ("/health", "/ready")] == [200, 200]


def test_without_an_audience_nobody_is_asked_for_a_token() -> None:
    house = House()
    assert run(house, "Bearer of bad news").status_code == 200
    assert house.get("/runs").status_code == 200


# --- tokens that are none -----------------------------------------------------------------------------

HEADERS = {
    "none": None,
    "empty": "",
    "another scheme": "Basic c2NoZWR1bGVyOnB3",
    "no token": "Bearer ",
    "a word": "Bearer token",
    "three words": "Bearer x.y.z",
    "not ASCII": "Bearer \xe9\xe9.\xe9.\xe9".encode("latin-1"),
    "a nested header": f"Bearer {encoded(b'[' * 20_000)}.e30.x",
    "a header that is no object": f"Bearer {encoded(b'[1]')}.e30.x",
    "a header with a huge number": f"Bearer {encoded(b'{%s}' % (b'1' * 5000))}.e30.x",
    "a key that is no text": f"Bearer {encoded(json.dumps({'alg': 'RS256', 'kid': [1]}).encode())}.e30.e30",
    "not signed": f"Bearer {jwt.encode({'aud': AUDIENCE, 'email': SCHEDULER}, '', 'none', {'kid': 'one'})}",
    "signed with a password": f"Bearer {jwt.encode({'aud': AUDIENCE}, 'p' * 40, 'HS256', {'kid': 'one'})}",
}


@pytest.mark.parametrize("authorization", HEADERS.values(), ids=HEADERS)
def test_no_token_or_one_that_is_none_is_not_let_in(guarded: House, authorization: Any) -> None:
    before = guarded.picture
    answer = run(guarded, authorization)
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert {name: answer.headers[name] for name in PRIVATE} == PRIVATE
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].startswith("the request has no identity token; send it as Authorization: Bearer") or (
        answer.json()["error"].startswith("the identity token is not valid here: ")
    )
    assert guarded.picture == before


def make_wrong(token: Token) -> dict[str, str]:
    """Return tokens that are signed well and are not for this service, or not by that issuer."""
    now = int(time.time())
    return {
        "another audience": token(aud="https://other.example"),
        "several audiences, none of them this": token(aud=["https://other.example", "https://third.example"]),
        "no audience": token(aud=None),
        "expired": token(iat=now - 7200, exp=now - 3600),
        "never expires": token(exp=None),
        "issued tomorrow": token(iat=now + 86_400, exp=now + 90_000),
        "another issuer": token(iss="https://accounts.example.com"),
        "no issuer": token(iss=None),
        "another key": token(signed_by=key()),
        "a key that nobody publishes": token(signed_by=key(), kid="two"),
        "changed after it was signed": token()[:-20] + "A" * 20,
    }


def test_a_token_for_another_audience_or_of_another_time_or_issuer_is_not_let_in(guarded: House, token: Token) -> None:
    before = guarded.picture
    for what, wrong in make_wrong(token).items():
        answer = run(guarded, f"Bearer {wrong}")
        assert answer.status_code == 401, what
        assert answer.json()["error"].startswith("the identity token is not valid here: "), what
        assert wrong not in answer.text
    assert guarded.picture == before


@pytest.mark.parametrize("changes", [{"email_verified": False}, {"email_verified": None}, {"email": None}])
def test_an_address_that_is_not_verified_or_missing_is_nobody(
    guarded: House, token: Token, changes: dict[str, Any]
) -> None:
    answer = run(guarded, f"Bearer {token(**changes)}")
    assert answer.status_code == 403
    assert answer.json()["error"].endswith(", who may not do this")
    assert guarded.desk.received == []


ODD_CLAIMS: dict[str, dict[str, Any]] = {
    "an address in a list": {"email": [SCHEDULER]},
    "an address that is a number": {"email": 7},
    "verified in words": {"email_verified": "true"},
    "verified by a number": {"email_verified": 1},
    "an end that is no number": {"exp": "later"},
    "an end in a list": {"exp": [1]},
    "an audience that is a number": {"aud": 7},
    "an issuer that is a list": {"iss": ["https://accounts.google.com"]},
    "issued in words": {"iat": "now"},
}


@pytest.mark.parametrize("changes", ODD_CLAIMS.values(), ids=ODD_CLAIMS)
def test_a_claim_of_the_wrong_type_makes_the_token_invalid(
    guarded: House, issuer: rsa.RSAPrivateKey, changes: dict[str, Any]
) -> None:
    now = int(time.time())
    claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": SCHEDULER, "email_verified": True}
    content = json.dumps({**claims, "iat": now, "exp": now + 3600, **changes}).encode()
    signed = jwt.api_jws.encode(content, issuer, "RS256", {"kid": "one"})
    answer = run(guarded, f"Bearer {signed}")
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"].startswith("the identity token is not valid here: ")


def test_the_clocks_may_be_forty_seconds_apart(guarded: House, token: Token) -> None:
    now = int(time.time())
    for early, status in ((30, 200), (90, 401)):
        answer = guarded.get("/version", Authorization=f"Bearer {token(iat=now + early, nbf=now + early)}")
        assert answer.status_code == status
    for late, status in ((30, 200), (90, 401)):
        answer = guarded.get("/version", Authorization=f"Bearer {token(iat=now - 3600, exp=now - late)}")
        assert answer.status_code == status


def test_the_token_is_asked_for_before_the_body_is_read(guarded: House, token: Token) -> None:
    assert guarded.ask("POST", "/run", {TIME: "soon"}, b"x" * 20_000).status_code == 401
    assert guarded.ask("POST", "/run", {"Authorization": f"Bearer {token()}"}, b"x" * 20_000).status_code == 413


# --- the issuer's keys ----------------------------------------------------------------------------------

UNREADABLE = {
    "refused": jwt.PyJWKClientConnectionError("Fail to fetch data from the url: connection refused"),
    "reset": ConnectionResetError(104, "Connection reset by peer"),
    "late": TimeoutError("timed out"),
    "no JSON": json.JSONDecodeError("Expecting value", "<html>", 0),
    "no text": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
}


@pytest.mark.parametrize("error", UNREADABLE.values(), ids=UNREADABLE)
def test_while_the_keys_cannot_be_read_the_trigger_is_told_to_come_back(
    guarded: House, token: Token, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(self: object) -> None:
        raise error

    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", fail)
    before = guarded.picture
    answer = run(guarded, f"Bearer {token()}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert answer.json()["error"].startswith("the keys of identity tokens cannot be read: ")
    assert guarded.picture == before


@pytest.mark.parametrize("published", [{}, {"keys": []}, {"keys": [{"kty": "none", "kid": "one"}]}])
def test_an_issuer_without_keys_is_one_that_cannot_be_read(
    guarded: House, token: Token, monkeypatch: pytest.MonkeyPatch, published: dict[str, Any]
) -> None:
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda self: published)
    assert run(guarded, f"Bearer {token()}").status_code == 503


def test_keys_are_fetched_once_for_many_requests(
    guarded: House, token: Token, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def fetch(self: Any) -> dict[str, Any]:
        fetched.append(self.uri)
        return keys

    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", fetch)
    door = guarded.door
    for _ in range(5):
        assert door.get("/runs", headers={"Authorization": f"Bearer {token()}"}).status_code == 200
    assert fetched == ["https://www.googleapis.com/oauth2/v3/certs"]


def test_a_service_without_the_library_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(oidc_audience=AUDIENCE, oidc_service_account=SCHEDULER)
    monkeypatch.setitem(__import__("sys").modules, "jwt", None)
    with pytest.raises(InvalidInput, match=r"OIDC_AUDIENCE needs PyJWT: install quant-platform-kit\[oidc\]"):
        create_app(house.service)
    assert not IdentityCheck(House().service.settings).required
