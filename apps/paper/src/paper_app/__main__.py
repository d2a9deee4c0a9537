"""``python -m paper_app`` serves until SIGTERM."""

from quant_platform_kit.web.serve import main

from paper_app.compose import compose

main(compose)
