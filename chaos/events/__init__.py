"""The campaign of event-driven trading: services, a bus, a store and a relay, killed, stopped and cut off in sends."""
