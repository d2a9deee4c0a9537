"""The instants of a run between which a crash must not matter; fault campaigns stop workers at each of them."""

from enum import StrEnum

__all__ = ["Boundary"]


class Boundary(StrEnum):
    """A named instant, in the order in which a run passes them."""

    LEASE_TAKEN = "lease-taken"
    CONNECTED = "connected"
    RUN_OPENED = "run-opened"
    CLAIMED = "claimed"
    INPUTS_RECORDED = "inputs-recorded"
    DECISION_RECORDED = "decision-recorded"
    PLAN_COMMITTED = "plan-committed"
    SENT_RECORDED = "sent-recorded"
    ORDER_SENT = "order-sent"
    ANSWER_RECORDED = "answer-recorded"
    SELLS_DONE = "sells-done"
    REVISION_COMMITTED = "revision-committed"
    BUYS_DONE = "buys-done"
    EXECUTED_RECORDED = "executed-recorded"
    REPORT_PUBLISHED = "report-published"
    RUN_CLOSED = "run-closed"
