"""``python -m schwab_app`` serves until SIGTERM."""

from quant_platform_kit.web.start import start

start("schwab_app")
