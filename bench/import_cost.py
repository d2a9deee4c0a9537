"""What importing the domain and building a context costs in CPU, above importing numpy: at most 0.1 s, no pandas."""

import json
import statistics
import subprocess
import sys
from typing import Any

BOUND, ROUNDS = 0.1, 5

_BARE = "import numpy"
_DOMAIN = """
import numpy
from datetime import date, datetime, timezone
from decimal import Decimal
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.inputs import build_context
from quant_platform_kit.domain.portfolio import AccountState, value_portfolio
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode

manifest = StrategyManifest("p", "P", TargetMode.WEIGHT, frozenset({InputName.MARKET_HISTORY}), ("A",), 1, ("s",))
days = numpy.array(["2023-11-29", "2023-11-30"], dtype="datetime64[D]")
table = PriceTable(days, ["A"], {"close": numpy.ones((2, 1))})
account = AccountState("X", {"USD": Decimal(1)}, {})
portfolio = value_portfolio(account, {}, manifest.managed, as_of=datetime(2023, 12, 1, tzinfo=timezone.utc))
session = Session(date(2023, 11, 30), date(2023, 11, 29), date(2023, 12, 1))
build_context(manifest, session, PriceHistory(table), portfolio)
"""
_REPORT = """
import json, sys, time
print(json.dumps({"cpu": time.process_time(), "pandas": "pandas" in sys.modules, "pyarrow": "pyarrow" in sys.modules}))
"""


def measure() -> dict[str, Any]:
    """Return the median extra CPU of five pairs of fresh interpreters."""
    pairs = [(_run(_BARE), _run(_DOMAIN)) for _ in range(ROUNDS)]
    extra = statistics.median(domain["cpu"] - bare["cpu"] for bare, domain in pairs)
    clean = not any(domain["pandas"] or domain["pyarrow"] for _, domain in pairs)
    return {"extra_cpu_seconds": round(extra, 3), "bound": BOUND, "no_pandas": clean, "met": clean and extra <= BOUND}


def _run(code: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", code + _REPORT], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
