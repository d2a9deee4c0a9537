"""``python -m longbridge_app`` serves until SIGTERM."""

from quant_platform_kit.web.start import start

start("longbridge_app")
