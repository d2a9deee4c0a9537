"""``python -m longbridge_app`` serves until SIGTERM."""

if __name__ == "__main__":  # worker processes import this module too
    import gc

    gc.disable()  # what imports make is no garbage, and looking for it is a sixth of a cold start; `main` enables it

    from quant_platform_kit.web.serve import main

    from longbridge_app.compose import compose

    main(compose)
