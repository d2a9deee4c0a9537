"""``python -m ibkr_app`` serves until SIGTERM."""

from quant_platform_kit.web.start import start

start("ibkr_app")
