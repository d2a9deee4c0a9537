"""``python -m paper_app`` serves until SIGTERM."""

from quant_platform_kit.web.start import start

start("paper_app")
