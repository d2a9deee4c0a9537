"""``python -m tq_broker_app`` is the command ``tq-broker``."""

from tq_broker_app.cli.main import main

main()
