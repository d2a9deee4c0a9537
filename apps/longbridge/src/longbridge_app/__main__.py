"""``python -m longbridge_app`` serves until SIGTERM."""

import gc

gc.disable()  # what imports make is no garbage, and looking for it is a sixth of a cold start; `main` enables it again

from quant_platform_kit.web.serve import main  # noqa: E402

from longbridge_app.compose import compose  # noqa: E402

main(compose)
