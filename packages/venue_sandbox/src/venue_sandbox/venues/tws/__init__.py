"""Interactive Brokers' TWS and Gateway as their clients find them: the socket protocol in front of an exchange.

Run it with ``python -m venue_sandbox.venues.tws --folder DIR --account DUSBX1=100000``. One module per family of
messages:
`connection`, `accounts`, `reference`, `history`, `quotes`, `orders`, `executions`. Each offers ``REQUESTS``, from a
message's number to the function that reads it.
"""
