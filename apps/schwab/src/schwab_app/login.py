"""``quant login schwab``: the login that Schwab wants from a person every week."""

from __future__ import annotations

from typing import Any

import typer
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, QuantError
from quant_platform_kit.runtime.settings import read_part

from schwab_app.redirect import request_hook, sandbox_of
from schwab_app.sdk import load_httpx, load_sdk
from schwab_app.settings import SchwabAccess
from schwab_app.tokens import ends_at, tokens_of

__all__ = ["app", "exchange"]

app = typer.Typer(help="Log in at a broker that wants a person from time to time.", no_args_is_help=True)


@app.callback()
def _group() -> None: ...


@app.command("schwab")
def schwab_command() -> None:
    """Log in at Schwab in a browser, and keep the new token where SCHWAB_TOKEN_PATH or the secret says.

    Reads SCHWAB_APP_KEY, SCHWAB_APP_SECRET, SCHWAB_CALLBACK_URL and the token's place from the environment.
    """
    access = read_part(SchwabAccess)
    tokens = tokens_of(access)
    context = load_sdk().auth.get_auth_context(access.schwab_app_key.get_secret_value(), access.schwab_callback_url)
    typer.echo("1  Open this address in a browser, log in, and allow the application your accounts:\n")
    typer.echo(context.authorization_url)
    typer.echo(
        f"\n2  The browser ends at an address that begins with {access.schwab_callback_url} and shows an error. That "
        "is right: copy the whole address. It is good for half a minute, and whoever has it has your account.\n"
    )
    received = typer.prompt("3  Paste it here", hide_input=True).strip()
    document = exchange(access, context, received)
    tokens.write(document)
    typer.echo(f"logged in until {ends_at(document):%Y-%m-%d %H:%M} UTC")


def exchange(access: SchwabAccess, context: Any, received: str) -> dict[str, Any]:
    """Return the token document for the address that a login ended at, as schwab-py would write it.

    schwab-py's own function makes a session that no hook reaches, so that it would ask Schwab in the sandbox too; this
    does the same with a session that asks where it may.

    Raises
    ------
    InvalidInput
        The address is not that of a login which was begun here.
    BrokerError
        Schwab does not answer, or refuses.
    """
    from authlib.common.errors import AuthlibBaseError

    key, secret = access.schwab_app_key.get_secret_value(), access.schwab_app_secret.get_secret_value()
    httpx, auth = load_httpx(), load_sdk().auth
    if not received.startswith(access.schwab_callback_url) or "code=" not in received:
        raise InvalidInput(
            f"the address has to begin with {access.schwab_callback_url} and contain code=; copy the whole of it"
        )
    hooks = {"request": [request_hook(sandbox_of(access.schwab_api_url))]}
    with auth.OAuth2Client(key, redirect_uri=context.callback_url, event_hooks=hooks) as session:
        try:
            token = session.fetch_token(
                auth.TOKEN_ENDPOINT,
                authorization_response=received,
                client_id=key,
                auth=(key, secret),
                state=context.state,
            )
        except QuantError:
            raise
        except AuthlibBaseError as error:
            raise BrokerError(f"Schwab refuses the login: {error}; begin again") from None
        except httpx.HTTPError as error:
            raise BrokerError(f"Schwab did not answer the login: {type(error).__name__}; begin again") from None
    return {"creation_timestamp": int(SystemClock().now().timestamp()), "token": dict(token)}
