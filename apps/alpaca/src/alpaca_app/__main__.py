"""``python -m alpaca_app`` serves until SIGTERM."""

from quant_platform_kit.web.start import start

start("alpaca_app")
