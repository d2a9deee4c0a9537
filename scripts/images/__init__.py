"""Images of the apps, built, started and pushed without a daemon: what `scripts/build_images.py` does, one idea a file."""
