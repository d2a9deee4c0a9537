"""An order test of one of a service's accounts, composed as the service composes its runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.runtime.service import Account, Service
from quant_platform_kit.services.run.order_test import Tried, order_test
from quant_platform_kit.services.run.request import RunPorts, RunRequest

__all__ = ["order_test_of"]


def order_test_of(service: Service, symbol: str, account_id: str | None) -> Tried:
    """Make an order test on an account of a service.

    Parameters
    ----------
    account_id
        As a person typed it: needed for live trading, and where the service has several accounts.

    Raises
    ------
    InvalidInput
        No account was named where one has to be, or it is none of the service's.
    Refused, BrokerError, StoreError
        As `order_test`.
    """
    accounts = service.accounts()
    try:
        return _tried(service, _chosen(accounts, account_id), symbol)
    finally:
        for each in accounts:
            each.close()


def _chosen(accounts: Sequence[Account], account_id: str | None) -> Account:
    served = {each.broker.account_id: each for each in accounts}
    if account_id is None and len(served) == 1:
        only = next(iter(served.values()))
        if only.mode is Mode.LIVE:
            raise InvalidInput("this is live trading: type the number of the account with --account")
        return only
    if account_id not in served:
        given = "no account is named" if account_id is None else f"account {account_id} is not served"
        raise InvalidInput(f"{given}: give --account with one of {', '.join(served)}")
    return served[account_id]


def _tried(service: Service, account: Account, symbol: str) -> Tried:
    settings, clock = service.settings, account.clock
    now = clock.now()
    session = service.calendar.local_date(now)
    if not service.calendar.is_session(session):
        raise Refused(f"{session} is no session of {service.calendar.name}: {service.calendar.after(session)} is")
    key = RunKey.of_order_test(account.broker.account_id, session, now, account.mode)
    request = RunRequest(
        service.strategy,
        key,
        service=service.name,
        holder=f"{service.name}-order-test-{os.getpid()}",
        handover=settings.handover,
        client=service.client,
    )
    ports = RunPorts(
        account.broker,
        account.market,
        service.stores.ledger,
        service.stores.reports,
        clock,
        service.calendar,
        service.reached,
        features=service.features,
        tracer=service.tracer,
    )
    return order_test(request, symbol, ports, service.policy, service.terms)
