"""The features of the catalog, in the order of their columns.

C(k) is the adjusted close k sessions before t, P the close, V the volume, r the simple daily returns of C. Windows
count calendar sessions, t included. Levels of C and P depend on later splits and dividends: only ratios of C and
products P V are read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from quant_platform_kit.domain.indicators import momentum_13612w as momentum
from quant_platform_kit.domain.prices import FloatArray

from snapshot_pipelines.build.feature import Feature, feature
from snapshot_pipelines.build.grid import Window

__all__ = ["FEATURES", "MARKET"]

MARKET = "SPY"
"""What betas and correlations are measured against."""
SESSIONS_PER_YEAR = 252


@feature(bars=20)
def adv20_usd(w: Window) -> FloatArray:
    """Mean of P V over 20 sessions, USD. NaN without a bar or a volume in any of them."""
    return w.dollar_volume(20).mean(axis=0)


@feature(bars=63)
def dvol63_usd(w: Window) -> FloatArray:
    """Median of P V over 63 sessions, USD. NaN without a bar or a volume in any of them."""
    ascending = np.sort(w.dollar_volume(63), axis=0)
    return np.where(np.isnan(ascending[-1]), np.nan, ascending[31])


@feature(bars=0)
def mom_13612w(w: Window) -> FloatArray:
    """(12 r1 + 4 r3 + 2 r6 + r12) / 19 of returns since the last closes 1, 3, 6 and 12 month ends before t.

    t itself stands for the running month. NaN without a bar at t or at one of these four month ends: only its five
    closes count.
    """
    found = momentum(w.prices)
    return np.full(len(w.symbols), np.nan) if found is None else found


@feature(bars=148)
def mom_6_1(w: Window) -> FloatArray:
    """C(21) / C(147) - 1: six months up to a month ago. NaN without a bar in any of 148 sessions."""
    closes = w.closes(148)
    return closes[-22] / closes[0] - 1


@feature(bars=274)
def mom_12_1(w: Window) -> FloatArray:
    """C(21) / C(273) - 1: twelve months up to a month ago. NaN without a bar in any of 274 sessions."""
    closes = w.closes(274)
    return closes[-22] / closes[0] - 1


@feature(bars=20)
def sma20_gap(w: Window) -> FloatArray:
    """C(0) / mean(C(0..19)) - 1. NaN without a bar in any of 20 sessions."""
    return _gap_to_mean(w, 20)


@feature(bars=50)
def sma50_gap(w: Window) -> FloatArray:
    """C(0) / mean(C(0..49)) - 1. NaN without a bar in any of 50 sessions."""
    return _gap_to_mean(w, 50)


@feature(bars=200)
def sma200_gap(w: Window) -> FloatArray:
    """C(0) / mean(C(0..199)) - 1. NaN without a bar in any of 200 sessions."""
    return _gap_to_mean(w, 200)


@feature(bars=21)
def vol_20(w: Window) -> FloatArray:
    """Sample deviation (ddof 1) of the last 20 r x sqrt(252). NaN without a bar in any of 21 sessions."""
    return _volatility(w, 20)


@feature(bars=64)
def vol_63(w: Window) -> FloatArray:
    """Sample deviation (ddof 1) of the last 63 r x sqrt(252). NaN without a bar in any of 64 sessions."""
    return _volatility(w, 63)


@feature(bars=127)
def vol_126(w: Window) -> FloatArray:
    """Sample deviation (ddof 1) of the last 126 r x sqrt(252). NaN without a bar in any of 127 sessions."""
    return _volatility(w, 126)


@feature(bars=253)
def beta_252(w: Window) -> FloatArray:
    """cov(r, r_SPY) / var(r_SPY) of the last 252 r.

    NaN without a bar in any of 253 sessions, of the symbol or of SPY, and where SPY did not move.
    """
    covariance, _, market = _moments(w)
    return covariance / market


@feature(bars=253)
def corr_252(w: Window) -> FloatArray:
    """Correlation of r with r_SPY over the last 252 r.

    NaN without a bar in any of 253 sessions, of the symbol or of SPY, and where one of them did not move.
    """
    covariance, own, market = _moments(w)
    return covariance / np.sqrt(own * market)


@feature(bars=63)
def high_63_gap(w: Window) -> FloatArray:
    """C(0) / max(C(0..62)) - 1. NaN without a bar in any of 63 sessions."""
    return _gap_to_high(w, 63)


@feature(bars=252)
def high_252_gap(w: Window) -> FloatArray:
    """C(0) / max(C(0..251)) - 1. NaN without a bar in any of 252 sessions."""
    return _gap_to_high(w, 252)


@feature(bars=126)
def maxdd_126(w: Window) -> FloatArray:
    """Minimum over the last 126 C of C / (maximum since the window's first) - 1. NaN without a bar in any of them."""
    closes = w.closes(126)
    return (closes / _running_maximum(closes)).min(axis=0) - 1


FEATURES: Sequence[Feature] = (
    adv20_usd,
    dvol63_usd,
    mom_13612w,
    mom_6_1,
    mom_12_1,
    sma20_gap,
    sma50_gap,
    sma200_gap,
    vol_20,
    vol_63,
    vol_126,
    beta_252,
    corr_252,
    high_63_gap,
    high_252_gap,
    maxdd_126,
)
"""Every feature but ``history``, which is a whole number and known of every symbol."""


def _gap_to_mean(w: Window, sessions: int) -> FloatArray:
    closes = w.closes(sessions)
    return closes[-1] / closes.mean(axis=0) - 1


def _gap_to_high(w: Window, sessions: int) -> FloatArray:
    closes = w.closes(sessions)
    return closes[-1] / closes.max(axis=0) - 1


def _volatility(w: Window, sessions: int) -> FloatArray:
    return w.returns(sessions).std(axis=0, ddof=1) * math.sqrt(SESSIONS_PER_YEAR)


def _moments(w: Window) -> tuple[FloatArray, FloatArray, np.float64]:
    """Return 252 times the covariance with the market, the variance, and the variance of the market."""

    def compute() -> tuple[FloatArray, FloatArray, np.float64]:
        returns = w.returns(252)
        own = returns - returns.mean(axis=0)
        market = own[:, w.column(MARKET)]
        return np.einsum("ij,i->j", own, market), np.einsum("ij,ij->j", own, own), np.einsum("i,i->", market, market)

    return w.once("moments_252", compute)


def _running_maximum(values: FloatArray) -> FloatArray:
    """Return the maximum of each row and those before it: steps of 1, 2, 4 and so on are faster than row by row."""
    highest, step = values, 1
    while step < len(values):
        highest = np.concatenate([highest[:step], np.maximum(highest[step:], highest[:-step])])
        step *= 2
    return highest
