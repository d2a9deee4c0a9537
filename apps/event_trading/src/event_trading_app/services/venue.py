"""The venue of a deployment, as far as a service may know it: whoever signs nothing has no key."""

from __future__ import annotations

from quant_platform_kit.ports.clock import Clock

from event_trading_app.services.looking_only import LookingOnly
from event_trading_app.settings import Settings
from event_trading_app.venues.near_intents.bus import bus_at
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.execute.looking import Node
from event_trading_app.venues.near_intents.execute.sending import AnswerBus
from event_trading_app.venues.near_intents.execute.signing import Standard
from event_trading_app.venues.near_intents.execute.venue import NearVenue

__all__ = ["looking_only", "node_of", "signing_venue"]


def node_of(settings: Settings) -> Node:
    """Return a node of the chain."""
    return Node(settings.near_node_url)


def looking_only(settings: Settings) -> LookingOnly:
    """Return the venue for whoever looks and sends nothing."""
    return LookingOnly(settings.account, node_of(settings))


def signing_venue(settings: Settings, clock: Clock) -> NearVenue:
    """Return the venue for whoever signs and sends."""
    bus = AnswerBus(bus_at(settings.near_ws_url, settings.near_token.get_secret_value()))
    key = Key.read(settings.near_key.get_secret_value())
    return NearVenue(settings.account, key, bus, node_of(settings), clock, Standard(settings.near_standard))
