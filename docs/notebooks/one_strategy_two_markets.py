"""One strategy, two markets: how much of a result is how orders were filled.

The same strategy, filled ideally and realistically, at the next open and the next close. A notebook as a script, run
with a price file: ``python docs/notebooks/one_strategy_two_markets.py prices.parquet``.
"""

# %%
import sys
from itertools import product

import pandas as pd
from quant_platform_kit import backtest, load_prices

prices = load_prices(sys.argv[1])
start, end = prices.days.min().item(), prices.days.max().item()
tests = {
    (execution, fill): backtest("dual_momentum", prices, start, end, execution=execution, fill=fill)
    for execution, fill in product(("ideal", "realistic"), ("next-open", "next-close"))
}

# %%
figures = pd.DataFrame(
    {
        " ".join(name): {
            "final multiple": tested.summary.final_multiple,
            "max drawdown": tested.summary.max_drawdown,
            "turnover": tested.summary.turnover,
            "costs": tested.summary.costs,
        }
        for name, tested in tests.items()
    }
).T
print(figures.round(4).to_string())

# %% [markdown]
# What a strategy decides may depend on what it holds, so decisions may differ too. Here is where.

# %%
first, *others = tests.items()
for name, tested in others:
    differ = (tested.decisions["digest"] != first[1].decisions["digest"]).sum()
    print(f"{' '.join(name)}: {differ} decisions differ from {' '.join(first[0])}")
