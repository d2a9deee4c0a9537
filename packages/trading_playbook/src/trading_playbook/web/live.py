"""The service of live sessions: one thread that runs them, and routes that show where the session stands."""

from __future__ import annotations

import threading
from datetime import timedelta
from http import HTTPStatus
from uuid import uuid4

from fastapi import Depends, FastAPI, Request, Response
from loguru import logger
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.domain.errors import Interrupted, QuantError
from quant_platform_kit.runtime.settings import read_part
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.runtime.version import installed
from quant_platform_kit.services.observe.notifying import Notices
from quant_platform_kit.web.answers import PRIVATE, as_json, described, error_answer
from quant_platform_kit.web.errors import HEADERS, add_errors
from quant_platform_kit.web.health import add_health
from quant_platform_kit.web.identity import IdentityCheck
from quant_platform_kit.web.serve import Serving, serve_process

from trading_playbook.compose import store_of
from trading_playbook.config import Config
from trading_playbook.live.alerts import LINE, WATCH
from trading_playbook.live.installed import LiveWanted, OpenLive, open_live
from trading_playbook.live.record import recorded_sessions
from trading_playbook.live.watch import watch
from trading_playbook.page.live import render_live
from trading_playbook.web.trading_days import LiveSettings, TradingDays

__all__ = ["LiveService", "create_live_app", "serve_live"]

ROUTES = "GET /, /health, /ready, /version, POST /watch"
PACKAGES = ("trading-playbook", "quant-platform-kit")
AGAIN = timedelta(seconds=5)
"""How long after an error the session is taken up again."""
END_SECONDS = 5.0


class LiveService:
    """Runs sessions in a thread of its own, and takes them up again after an error.

    Attributes
    ----------
    account_id
        The account's id, once the broker has told it.
    fault
        Why nothing runs now; empty while something does.
    """

    def __init__(self, days: TradingDays, opens: OpenLive) -> None:
        self.days, self._opens = days, opens
        self.account_id = ""
        self.fault = ""
        self._thread = threading.Thread(target=self._run, daemon=True, name="sessions")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Wait until the session has given its account back, after the process was told to stop."""
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    def wrong(self) -> str:
        """Return why sessions do not go as they should now, in a sentence; empty where they do."""
        if self.fault or not self.account_id:
            return self.fault or "the broker has not told its account yet"
        return watch(self.days.store, self.days.calendar, self.account_id)

    def _run(self) -> None:
        while not self.days.stop.is_set:
            try:
                with self._opens(LiveWanted(self.days.symbol, self.days.store)) as venue:
                    self.account_id, self.fault = venue.broker.account_id, ""
                    logger.info(
                        "live sessions of {} on {}, mode {}", self.days.symbol, self.account_id, venue.mode.value
                    )
                    self.days.run(venue)
            except QuantError as error:
                self.fault = str(error)
                logger.error("no session runs: {}", self.fault)
            except Exception as error:  # noqa: BLE001 - a position may be open: whatever it is, the session is taken up again
                self.fault = f"a defect: {type(error).__name__}"
                logger.exception("no session runs: {}", self.fault)
            try:
                self.days.stop.wait(AGAIN.total_seconds())
            except Interrupted:
                return


def serve_live(opens: OpenLive = open_live, *, cloud: bool = True) -> None:
    """Serve live sessions until the process is told to stop; see `serve_process`."""
    serve_process(lambda: _serving(opens, cloud=cloud))


def _serving(opens: OpenLive, *, cloud: bool) -> Serving:
    config, settings = Config.from_env(cloud=cloud), read_part(LiveSettings)
    urls = config.notify_urls.get_secret_value().split()
    store, calendar, holder = store_of(config), load_calendar("XNYS"), f"{config.cloud_run_service}-{uuid4().hex[:8]}"
    notices = Notices(store, AppriseNotifier(urls) if urls else None)
    opens(LiveWanted(config.playbook_symbol, store))  # what the venue's settings cannot mean is refused at once
    live: list[LiveService] = []

    def make(stop: StopSignal) -> FastAPI:
        symbol, service = config.playbook_symbol, config.cloud_run_service
        live.append(LiveService(TradingDays(symbol, service, holder, settings, calendar, store, notices, stop), opens))
        live[0].start()
        return create_live_app(live[0], config, stop)

    says = f"{config.cloud_run_service} runs live sessions of {config.playbook_symbol}"
    return Serving(config, says, make, lambda: live[0].end())


def create_live_app(live: LiveService, config: Config, stop: StopSignal) -> FastAPI:
    """Return the application: the page at ``/``, ``/health``, ``/ready``, ``/version`` and ``POST /watch``."""
    app = FastAPI(
        title=config.cloud_run_service, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    add_errors(app, ROUTES)
    add_health(app, lambda: (live.days.store,), {"symbol": live.days.symbol}, stop)
    identity = IdentityCheck(config)

    def may_read(request: Request) -> None:
        identity.may_read(request.headers.get("Authorization"))

    def page() -> Response:
        runs = recorded_sessions(live.days.store, live.account_id) if live.account_id else []
        if not runs:
            why = live.fault or "no session has begun"
            return _unavailable(why)
        html = render_live(live.days.store, live.account_id, runs[-1])
        return Response(html, headers=PRIVATE, media_type="text/html; charset=utf-8")

    def version() -> Response:
        return as_json(
            {
                "service": config.cloud_run_service,
                "revision": config.revision,
                "commit": config.commit_sha,
                "image": config.image,
                "packages": {name: installed(name) for name in PACKAGES},
                "symbol": live.days.symbol,
                "account": live.account_id,
                "fault": live.fault,
            }
        )

    def look() -> Response:
        if why := live.wrong():
            logger.bind(event=LINE, what=WATCH).warning("live sessions of {}: {}", live.days.symbol, why)
            return _unavailable(why)
        return as_json({"symbol": live.days.symbol, "account": live.account_id, "faults": []})

    def may_trigger(request: Request) -> None:
        identity.may_trigger(request.headers.get("Authorization"))

    app.add_api_route(
        "/watch", look, methods=["POST"], dependencies=[Depends(may_trigger)], responses=described(200, 401, 403, 503)
    )
    for path, route in (("/", page), ("/version", version)):
        app.add_api_route(
            path, route, methods=["GET"], dependencies=[Depends(may_read)], responses=described(200, 401, 403, 503)
        )
    return app


def _unavailable(why: str) -> Response:
    return error_answer(why, HTTPStatus.SERVICE_UNAVAILABLE, HEADERS[HTTPStatus.SERVICE_UNAVAILABLE])
