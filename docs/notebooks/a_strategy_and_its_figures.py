"""A strategy and its figures: a notebook as a script.

Open it in an editor that knows cells, or run it as it is, with a price file:
``python docs/notebooks/a_strategy_and_its_figures.py prices.parquet``; docs/start/own-prices.md says how to make one.
"""

# %%
import sys

from quant_platform_kit import backtest, load_prices

prices = load_prices(sys.argv[1])
tested = backtest("dual_momentum", prices, prices.days.min().item(), prices.days.max().item(), cash=50_000)
print(tested.summary)

# %% [markdown]
# `summary` has the figures of the report. Frames are made when they are asked for: `equity` by session, `orders` in
# their order, `decisions` by the session decided on.

# %%
equity = tested.equity
by_year = equity["equity"].groupby([day.year for day in equity.index]).last().pct_change()
print(by_year.round(4).to_string())

# %%
print(tested.orders.groupby("symbol")["cost"].sum().round(2).to_string())

# %% [markdown]
# A decision says why. Its digest is that of the dry run and the live run of the same session.

# %%
decided = tested.decisions
print(decided[decided["action"] == "REBALANCE"][["targets", "reasons"]].tail(3).to_string())
print(f"decisions {tested.summary.decisions_digest}")
