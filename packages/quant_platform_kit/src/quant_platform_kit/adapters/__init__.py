"""Broker-neutral I/O behind the ports: stores, price files, calendar tables, strategy and platform discovery."""
