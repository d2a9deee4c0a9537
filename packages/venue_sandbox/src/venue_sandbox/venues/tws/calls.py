"""Every message that a client may send, and what becomes of it: the table behind `docs/reference`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from venue_sandbox.exchange.treatment import Treatment

__all__ = ["CALLS", "Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One message.

    Attributes
    ----------
    request_at
        The place of the request's or order's id among its fields; None for a message that has none.
    code, text
        The error of one that is refused; of one that is not, the text says what is served, or why it has no meaning.
    """

    number: int
    name: str
    request_at: int | None
    treatment: Treatment
    text: str
    code: int = 0


def _served(number: int, name: str, text: str, request_at: int | None = None) -> Call:
    return Call(number, name, request_at, Treatment.SERVED, text)


def _meaningless(number: int, name: str, text: str, request_at: int | None = None) -> Call:
    return Call(number, name, request_at, Treatment.MEANINGLESS, text)


def _refused(number: int, name: str, request_at: int | None, code: int, text: str) -> Call:
    return Call(number, name, request_at, Treatment.REFUSED, text, code)


def _invalid(number: int, name: str, cause: str, request_at: int | None = None) -> Call:
    """Return a call that clients are told of by 322: they go on waiting after 321, which they take for a warning."""
    return _refused(number, name, request_at, 322, f"Error processing request.-'sb' : cause - {cause}")


_OPTIONS = "Options are not supported"
_GROUPS = "Display groups are not supported"
_NO_DEPTH = "Deep market data is not supported for this combination of security type/exchange"
_HISTORY = "Historical Market Data Service error message"
_VERIFICATION = "Verification of third-party programs is not supported"

_TABLE = (
    _served(1, "reqMktData", "live or delayed quotes, once or 1 of 100 subscriptions (101); generic ticks are 321", 2),
    _served(2, "cancelMktData", "ends a subscription; 300 for one that is not there", 2),
    _served(3, "placeOrder", "as its fields say", 1),
    _served(4, "cancelOrder", "10147 for an order that is not there, 10148 for one that is done", 2),
    _served(5, "reqOpenOrders", "the client's own"),
    _served(6, "reqAccountUpdates", "values and positions, and every change of them; 321 for an unknown account"),
    _served(7, "reqExecutions", "of today, chosen by every field of the filter", 2),
    _served(8, "reqIds", "the lowest order id that the client may use"),
    _served(9, "reqContractDetails", "shares; 200 for what is not listed", 2),
    _refused(10, "reqMktDepth", 2, 10092, _NO_DEPTH),
    _refused(11, "cancelMktDepth", 2, 310, "Can't find the subscribed market depth with tickerId"),
    _meaningless(12, "reqNewsBulletins", "there is no news; none is ever told"),
    _meaningless(13, "cancelNewsBulletins", "there is no news"),
    _meaningless(14, "setServerLogLevel", "the sandbox keeps no log for clients"),
    _meaningless(15, "reqAutoOpenOrders", "there are no orders by hand; 327 for a client id other than 0"),
    _served(16, "reqAllOpenOrders", "those of every client"),
    _served(17, "reqManagedAccts", "every account"),
    _refused(18, "requestFA", None, 331, "FA or STL does not have any managed accounts"),
    _refused(19, "replaceFA", 4, 331, "FA or STL does not have any managed accounts"),
    _served(20, "reqHistoricalData", "daily bars of TRADES and ADJUSTED_LAST; 162 for others and for updates", 1),
    _invalid(21, "exerciseOptions", _OPTIONS, 2),
    _refused(22, "reqScannerSubscription", 1, 162, f"{_HISTORY}:Scanners are not supported"),
    _refused(23, "cancelScannerSubscription", 2, 365, "No scanner subscription found for ticker id"),
    _served(24, "reqScannerParameters", "an empty document: there are no scanners"),
    _served(25, "cancelHistoricalData", "366, as every query has ended by then", 2),
    _served(49, "reqCurrentTime", "the venue's clock"),
    _refused(50, "reqRealTimeBars", 2, 420, "Invalid Real-time Query:Bars of five seconds are not supported"),
    _refused(51, "cancelRealTimeBars", 2, 300, "Can't find EId with ticker Id"),
    _refused(52, "reqFundamentalData", 2, 430, "The fundamentals data for the security specified is not available"),
    _refused(53, "cancelFundamentalData", 2, 300, "Can't find EId with ticker Id"),
    _invalid(54, "calculateImpliedVolatility", _OPTIONS, 2),
    _invalid(55, "calculateOptionPrice", _OPTIONS, 2),
    _refused(56, "cancelCalculateImpliedVolatility", 2, 300, "Can't find EId with ticker Id"),
    _refused(57, "cancelCalculateOptionPrice", 2, 300, "Can't find EId with ticker Id"),
    _served(58, "reqGlobalCancel", "every open order of every client"),
    _served(59, "reqMarketDataType", "1 to 4, of which live and delayed data exist; 321 for others"),
    _served(61, "reqPositions", "positions of all accounts, and every change of them"),
    _served(62, "reqAccountSummary", "tags of accounts, and every change of them", 2),
    _served(63, "cancelAccountSummary", "ends a subscription; 300 for one that is not there", 2),
    _served(64, "cancelPositions", "ends a subscription"),
    _refused(65, "verifyRequest", None, 505, _VERIFICATION),
    _refused(66, "verifyMessage", None, 505, _VERIFICATION),
    _served(67, "queryDisplayGroups", "an empty list: there are no windows", 2),
    _invalid(68, "subscribeToGroupEvents", _GROUPS, 2),
    _invalid(69, "updateDisplayGroup", _GROUPS, 2),
    _invalid(70, "unsubscribeFromGroupEvents", _GROUPS, 2),
    _served(71, "startApi", "326 for a client id that is in use"),
    _refused(72, "verifyAndAuthRequest", None, 505, _VERIFICATION),
    _refused(73, "verifyAndAuthMessage", None, 505, _VERIFICATION),
    _served(74, "reqPositionsMulti", "positions of an account, or of all, and every change of them", 2),
    _served(75, "cancelPositionsMulti", "ends a subscription; 300 for one that is not there", 2),
    _served(76, "reqAccountUpdatesMulti", "values of an account, and every change of them", 2),
    _served(77, "cancelAccountUpdatesMulti", "ends a subscription; 300 for one that is not there", 2),
    _served(78, "reqSecDefOptParams", "an empty list: there are no options", 1),
    _served(79, "reqSoftDollarTiers", "an empty list: there are none", 1),
    _served(80, "reqFamilyCodes", "every account, without a code"),
    _served(81, "reqMatchingSymbols", "listed shares whose symbol begins so", 1),
    _served(82, "reqMktDepthExchanges", "an empty list: there is no depth"),
    _served(83, "reqSmartComponents", "the exchanges of the listed shares", 1),
    _refused(84, "reqNewsArticle", 1, 10172, "Failed to request news article:No data available"),
    _served(85, "reqNewsProviders", "an empty list: there is no news"),
    _refused(86, "reqHistoricalNews", 1, 10276, "News feed is not allowed"),
    _served(87, "reqHeadTimestamp", "the first daily bar of TRADES and ADJUSTED_LAST; 162 for others", 1),
    _refused(88, "reqHistogramData", 1, 162, f"{_HISTORY}:Histograms are not supported"),
    _refused(89, "cancelHistogramData", 1, 300, "Can't find EId with ticker Id"),
    _meaningless(90, "cancelHeadTimestamp", "the answer has been told by then", 1),
    _served(91, "reqMarketRule", "rule 26, a step of 0.01; 322 for others"),
    _served(92, "reqPnL", "the profit of an account, and every change of it", 1),
    _served(93, "cancelPnL", "ends a subscription; 300 for one that is not there", 1),
    _served(94, "reqPnLSingle", "the profit of a position, and every change of it", 1),
    _served(95, "cancelPnLSingle", "ends a subscription; 300 for one that is not there", 1),
    _refused(96, "reqHistoricalTicks", 1, 10187, "Failed to request historical ticks:No historical ticks here"),
    _refused(97, "reqTickByTickData", 1, 10189, "Failed to request tick-by-tick data:No market data permissions"),
    _refused(98, "cancelTickByTickData", 1, 300, "Can't find EId with ticker Id"),
    _served(99, "reqCompletedOrders", "of today, of every client; all of them came over the API"),
    _refused(100, "reqWshMetaData", 1, 10276, "News feed is not allowed"),
    _refused(101, "cancelWshMetaData", 1, 300, "Can't find EId with ticker Id"),
    _refused(102, "reqWshEventData", 1, 10276, "News feed is not allowed"),
    _refused(103, "cancelWshEventData", 1, 300, "Can't find EId with ticker Id"),
    _served(104, "reqUserInfo", "no white branding id", 1),
)  # fmt: skip

CALLS: Mapping[int, Call] = {call.number: call for call in _TABLE}
