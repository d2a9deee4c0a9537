"""``event-trading up``: all services on this machine, without containers: the same processes and the same settings."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import say
from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.mock import mock_broker

from event_trading_app.cli.options import Config
from event_trading_app.names import Service
from event_trading_app.settings import CONFIG, Settings, environment, name_of, read_settings
from event_trading_app.supervising import Site, ordered

__all__ = ["Kafka", "up"]

LOOK_SECONDS = 0.5


class Kafka(StrEnum):
    """Which broker."""

    REAL = "real"
    MOCK = "mock"


def up(
    config: Config = None,
    kafka: Annotated[
        Kafka,
        typer.Option(help="`mock`: librdkafka's own, in this process; it proves nothing about a real broker."),
    ] = Kafka.REAL,
    without: Annotated[list[Service] | None, typer.Option(help="Leave out a service.")] = None,
) -> None:
    """Run all services until SIGINT or SIGTERM; those that ask for it are started again."""
    with _broker(kafka) as own:
        variables = {**environment(), **own, **({CONFIG: str(config)} if config else {})}
        settings = read_settings(config, variables)
        start_logging(as_json=settings.log_format == "json")
        if kafka is Kafka.MOCK:
            say("the broker is librdkafka's mock: it shows aborted messages, and proves nothing about a real one")
        _run(settings, variables, without or [])


@contextmanager
def _broker(kafka: Kafka) -> Generator[dict[str, str]]:
    if kafka is Kafka.REAL:
        yield {}
        return
    with mock_broker() as bus:
        yield {name_of("kafka_url"): bus.url, name_of("kafka_mock"): "true"}


def _run(settings: Settings, variables: dict[str, str], without: list[Service]) -> None:
    services = [service for service in ordered(Service) if service not in without and _is_wanted(service, settings)]
    if not services:
        raise InvalidInput("no service is left to run; leave out fewer")
    stop = threading.Event()

    def stopped(number: int, frame: object) -> None:
        del number, frame
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    with Site(variables) as site:
        for service in services:
            site.start(service)
        say(f"running, {settings.mode.value}: {', '.join(service.value for service in reversed(services))}")
        while not stop.wait(LOOK_SECONDS):
            for ended in site.look_after():
                say(ended)
        codes = site.stop()
    if bad := {name: code for name, code in codes.items() if code}:
        sys.stderr.write(f"ended with a status: {bad}\n")
        raise typer.Exit(1)


def _is_wanted(service: Service, settings: Settings) -> bool:
    """Whether a service has what it is for: an archive without a place, or prices without a file, are left out."""
    needs = {Service.ARCHIVER: settings.archive_url, Service.PRICES: settings.prices_file}
    return bool(needs.get(service, "-"))
