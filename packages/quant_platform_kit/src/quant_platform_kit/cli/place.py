"""Where an operator's command works: the options that name store, reports and account, and what they open."""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer
from pydantic import ValidationError

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.store_keys import is_key
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.cli.grouped import grouped
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import Refused, StoreError
from quant_platform_kit.paper.broker import read_account
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.owners import accounts_in
from quant_platform_kit.services.record.leases import read_lease

__all__ = ["Place", "PlaceOptions", "ReasonOption", "common_options", "is_name", "say", "words"]


def words(text: str) -> str:
    """Read a text that says something, on one line."""
    if not (said := " ".join(text.split())):
        raise typer.BadParameter("it is empty; say in a few words what it is about")
    return said


ReasonOption = Annotated[str, typer.Option("--reason", parser=words, metavar="TEXT", help="Why, for the audit.")]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works.

    Attributes
    ----------
    reports
        None when it was not named.
    account
        None for every account in the store.
    options
        The options that name the place, to be typed again; without a password.
    """

    store: VersionedStore
    reports: VersionedStore | None
    account: str | None
    options: str
    who: str | None
    is_book: bool

    @property
    def operator(self) -> Operator:
        """Who is at work: ``--who``, or the login name; a usage error if there is neither."""
        try:
            name = self.who or words(getpass.getuser())
        except (KeyError, OSError):
            raise typer.BadParameter("your login name is not known here: add --who NAME") from None
        return Operator(self.store, SystemClock(), name)

    @property
    def accounts(self) -> tuple[str, ...]:
        """Every account that can be meant here, ascending."""
        own = [self.account] if self.is_book and self.account else []
        return tuple(sorted({*accounts_in(self.store), *own}))

    @property
    def one_account(self) -> str:
        """The account; a usage error without one, `Refused` for one that is not here."""
        if self.account is None:
            raise typer.BadParameter("name the account: add --account ID")
        return self.known(self.account)

    @property
    def both(self) -> tuple[VersionedStore, VersionedStore]:
        """The store and the reports; a usage error without the latter."""
        if self.reports is None:
            raise typer.BadParameter("the run reports are needed: add --reports URL")
        return self.store, self.reports

    @property
    def any_account(self) -> tuple[str, ...]:
        """Every account here; `Refused` where there is none, as at a mistyped address."""
        if not (here := self.accounts):
            raise Refused("the store has no account; check its address")
        return here

    @property
    def chosen(self) -> tuple[str, ...]:
        """The account, or every account here if none was named."""
        return self.any_account if self.account is None else (self.one_account,)

    def known(self, account: str) -> str:
        """Return an account that is here; `Refused` lists those that are."""
        if read_lease(self.store, account) is None and account not in (here := self.accounts):
            raise Refused(
                f"account {account} is not in the store; it has {', '.join(here) or 'none: check its address'}"
            )
        return account


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """What the common options of an operator's command were given; see `common_options`."""

    book: Path | None = None
    store: str | None = None
    reports: str | None = None
    account: str | None = None
    who: str | None = None

    @contextmanager
    def open(self, *, new: bool = False) -> Generator[Place]:
        """Open what the options name; a usage error unless it is a book, or a store.

        An object there that cannot be read is one line, whoever reads it.

        Parameters
        ----------
        new
            Whether the store may have to be made.
        """
        try:
            yield _place(self, new)
        except ValidationError as error:
            raise StoreError(f"an object of the store is damaged ({error.title}); restore it from a backup") from error


ADDRESSES = {"store": "STORE_URL", "reports": "REPORT_STORE_URL"}
"""What is taken from the environment where neither a book nor an address is given: a password is on no command line."""
COMMAND_SECONDS = 8.0
"""How long one call of a store may take under a person's command."""

_COMMON: dict[str, object] = {
    "book": Annotated[Path | None, typer.Option("--book", help="Folder of a paper account, instead of the three.")],
    "store": Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Store: file:, sqlite:, gs:, ...; STORE_URL if absent.")
    ],
    "reports": Annotated[
        str | None,
        typer.Option("--reports", metavar="URL", help="Store of the run reports; REPORT_STORE_URL if absent."),
    ],
    "account": Annotated[str | None, typer.Option("--account", metavar="ID", help="Account in that store.")],
    "who": Annotated[
        str | None, typer.Option("--who", parser=words, metavar="NAME", help="Who does it; the login name if absent.")
    ],
}


def common_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what gives a command the named options in place of its parameter ``at``, which gets them together.

    The command takes its parameters by name only.
    """
    options = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=_COMMON[name]) for name in names]
    return grouped("at", options, lambda values: PlaceOptions(**_given(values)))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a place; if neither a book nor an address is among them, with the environment's."""
    if any(options.get(name) for name in ("book", *ADDRESSES)):
        return options
    known = {name: os.environ.get(variable) for name, variable in ADDRESSES.items()}  # noqa: TID251 - an option's default
    return {name: value or known.get(name) for name, value in options.items()}


def _place(given: PlaceOptions, new: bool) -> Place:
    book, store, reports, account = given.book, given.store, given.reports, given.account
    if (book is None) == (store is None):
        raise typer.BadParameter(
            "give either --book FOLDER, or --store URL with --reports URL and --account ID; STORE_URL counts too"
        )
    if book is not None:
        if reports is not None or account is not None:
            raise typer.BadParameter("--book names reports and account too; leave out --reports and --account")
        account = read_account(book).book.account_id
        root = book.absolute().as_uri()
        options = shlex.join(["--book", str(book)])
        return Place(_open(f"{root}/store"), _open(f"{root}/reports"), account, options, given.who, is_book=True)
    assert store is not None
    if account is not None and not is_name(account):
        raise typer.BadParameter(f"--account {account!r}: an account id is made of letters, digits and ._-")
    for url in (store, reports):
        if url is not None and not new:
            _check_there(url)
    addresses = {"--store": _without_password(store), "--reports": reports and _without_password(reports)}
    options = shlex.join([part for name, url in addresses.items() if url for part in (name, url)])
    opened = _open(store)
    # One address is one store: who writes to both can see that.
    own = opened if reports and reports.rstrip("/") == store.rstrip("/") else _open(reports) if reports else None
    return Place(opened, own, account, options, given.who, is_book=False)


def _open(url: str) -> VersionedStore:
    return open_store(url, timeout_seconds=COMMAND_SECONDS)


def is_name(text: str) -> bool:
    """Whether a text can name an account or a service."""
    return is_key(text) and "/" not in text


def _check_there(url: str) -> None:
    """Refuse a SQLite file that is not there: opening would make it, and an empty store looks as if all were well."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not (path := Path(unquote(parts.path[1:]))).is_file():
        raise Refused(f"there is no store in {path}; check its address")


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@") if password else url


def say(text: str) -> None:
    """Print one line; rich markup is taken as such."""
    console().print(text, soft_wrap=True)
