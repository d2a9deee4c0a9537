"""The faults that venues have in common: what may become of an order, and a server over HTTP in trouble."""

from chaos.matrix.rows import Row, fault, together

__all__ = ["SERVER_ERRORS", "order_rows"]

SERVER_ERRORS = (
    *(
        Row(
            f"{status} on an order{', which is taken' if applied else ''}",
            fault("http_error", status=status, applied=applied),
        )
        for status in (500, 502, 504)
        for applied in (False, True)
    ),
    *(
        Row(f"{status} on look-ups", fault("http_error", operation="orders", status=status, times=2))
        for status in (500, 502, 504)
    ),
)


def order_rows(late: float) -> tuple[Row, ...]:
    """Return what may become of an order; ``late`` seconds are longer than the broker's visibility window."""
    return (
        Row("lost acknowledgement, connection cut", fault("drop_after")),
        Row("lost acknowledgement, connection open", fault("silent")),
        Row("silent drop", fault("silent_drop")),
        Row("connection cut before the order", fault("drop_before")),
        Row("acknowledged, and never there", fault("phantom_order")),
        Row("delayed accept, within the visibility window", fault("delayed_accept", seconds=0.3)),
        Row("delayed accept, after the visibility window", fault("delayed_accept", seconds=late)),
        Row("duplicate event", fault("duplicate_event", times=4)),
        Row("late fill", fault("late_fill", seconds=0.3)),
        Row("partial fill, then the connection is lost", fault("partial_fill", share="0.5", then="disconnect")),
        Row("partial fill, then cancelled", fault("partial_fill", share="0.5", then="cancel")),
        Row("unfilled at the deadline", fault("unfilled")),
        Row("a fill overtakes the cancel", together(fault("unfilled"), fault("fill_races_cancel"))),
        Row("rejected", fault("reject")),
    )
