"""An exchange and its broker without a wire: what every venue of the sandbox shares behind its own protocol.

A front (such as `venue_sandbox.venues.tws`) reads a client's requests, asks `exchange.Exchange`, and writes the
answers. Every change is a line of a journal on disk before anybody hears of it, so a venue that was killed goes on
where it stood.
Of the platform it uses the calendars and the reader of price files, nothing that trades.
"""
