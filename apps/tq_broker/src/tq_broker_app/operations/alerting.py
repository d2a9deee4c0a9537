"""What Prometheus tells people of the services, by their own figures; `tq-broker watch` looks at more."""

from __future__ import annotations

from quant_platform_kit.services.observe.prometheus import Rule

__all__ = ["RULES"]

AT = "{{ $labels.instance }}"

RULES = (
    Rule(
        "TqBrokerDown",
        'up{job="tq-broker"} == 0',
        f"{AT}: a service does not answer",
        "see LOG_PATH/tq_SERVICE.log; around the settlement it starts again by itself",
        lasts="5m",
    ),
    Rule(
        "TqBrokerUnknown",
        'increase(tq_broker_orders_total{outcome="unknown"}[15m]) > 0 or tq_broker_orders_unknown > 0',
        f"{AT}: nobody can prove what became of an order",
        "look at the account with the company's program, then `tq-broker resolve ORDER_ID --filled N --reason TEXT`",
    ),
    Rule(
        "TqBrokerTrades",
        "tq_broker_orders_without_trades > 0",
        f"{AT}: orders at their end whose trades do not add up",
        "see the log of order-monitor for their ids; compare with the company's bill",
        lasts="5m",
    ),
    Rule(
        "TqBrokerSlow",
        "histogram_quantile(0.95, sum by (instance, le) (rate(tq_broker_answer_seconds_bucket[10m]))) > 5",
        f"{AT}: one order in twenty waits for more than 5 s for the exchange's answer",
        "the connection to the company or the machine is slow; halt the account if it goes on",
        severity="warning",
        lasts="5m",
    ),
    Rule(
        "TqBrokerRejected",
        'increase(tq_broker_orders_total{outcome="rejected"}[10m]) > 10',
        f"{AT}: the exchange refuses orders",
        "see `order_event` for the reasons: money, positions, limits or hours",
        severity="warning",
    ),
    Rule(
        "TqBrokerForeign",
        "increase(tq_broker_foreign_orders_total[1h]) > 0",
        f"{AT}: somebody else trades on the account",
        "find out who; positions and splits are planned as if nobody did",
        severity="warning",
    ),
)
"""Every rule; names begin with ``TqBroker``."""
