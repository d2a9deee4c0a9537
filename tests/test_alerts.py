"""Every alert of the product is on docs/operate.md, and asks for figures that services have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from event_trading_app.operations.alerting import RULES as EVENT_TRADING
from event_trading_app.operations.metrics import Metrics
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.events.figures import Figures as StageFigures
from quant_platform_kit.services.observe.watchdog import Kind as Watchdog
from tq_broker_app.operations.alerting import RULES as TQ_BROKER
from tq_broker_app.operations.alerts import Kind as TqKind
from tq_broker_app.operations.figures import Figures as TqFigures
from trading_playbook.live.events import Happening

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
FILES = [*sorted((ROOT / "deploy").glob("alerts/*.yml")), ROOT / "deploy/playbook/alerts.yml"]


def names_on_the_page() -> set[str]:
    return set(re.findall(r"^\| `?([A-Z][A-Za-z]+)`? \| (?:critical|warning) \|", PAGE, re.MULTILINE))


def test_the_page_has_every_rule_of_prometheus_and_no_other() -> None:
    rules = [rule for file in FILES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
    names = [rule["alert"] for rule in rules]
    assert len(names) == len(set(names)) >= 18
    assert set(names) == names_on_the_page()


@pytest.mark.parametrize(
    "kinds",
    [
        Watchdog,
        TqKind,
        [each for each in Outcome if not each.good],
        [each for each in Happening if each.alerts],
    ],
)
def test_the_page_has_everything_that_people_are_told_of(kinds: type[Watchdog]) -> None:
    told = set(re.findall(r"^\| `([a-z_ -]+)` \|", PAGE, re.MULTILINE))
    assert {str(kind.value) for kind in kinds} <= told


def test_every_link_of_the_page_leads_to_a_heading() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, anchor = target.partition("#")
        text = (ROOT / "docs" / file).read_text(encoding="utf-8")
        headings = (re.sub(r"[^\w -]", "", line.lstrip("# ").lower()) for line in text.splitlines() if line[:1] == "#")
        assert not anchor or anchor in {heading.replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize(("rules", "begin"), [(EVENT_TRADING, "event_trading"), (TQ_BROKER, "tq_broker")])
def test_rules_ask_for_figures_that_the_services_have(rules: tuple[object, ...], begin: str) -> None:
    asked = {name for rule in rules for name in re.findall(rf"{begin}_[a-z_]+", str(rule))}
    assert asked
    assert asked <= shown_by(begin)


def shown_by(begin: str) -> set[str]:
    if begin == "event_trading":
        metrics = Metrics()
        metrics.figures, metrics.outcomes = StageFigures(), lambda: {"alerted": 1.0}
        metrics.gauges = lambda: {"open_answers": 1.0}
        text = metrics.text().decode()
        return set(re.findall(rf"{begin}_[a-z_]+", text))
    figures = TqFigures()
    text = figures.text().decode() + gauges_of_the_source()
    return set(re.findall(rf"{begin}_[a-z_]+", text)) | {f"{begin}_orders_total", f"{begin}_answer_seconds_bucket"}


def gauges_of_the_source() -> str:
    """Return the gauges by their names: each is made when it is first set."""
    roles = (ROOT / "apps/tq_broker/src/tq_broker_app/roles").glob("*.py")
    found = (name for file in roles for name in re.findall(r'figures\.set\("([a-z_]+)"', file.read_text()))
    return " ".join(f"tq_broker_{name}" for name in found)
