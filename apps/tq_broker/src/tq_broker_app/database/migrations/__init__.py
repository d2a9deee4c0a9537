"""Migrations of the tables, run by `tq_broker_app.database.migrating`."""
