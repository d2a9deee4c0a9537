"""Images of the apps, built, started and pushed without a daemon: the parts of `scripts/build_images.py`."""
