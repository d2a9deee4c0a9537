"""Whether an image is the one of the bundle."""

from __future__ import annotations

from quant_release.run.journal import ImageRecord

__all__ = ["unfit_image"]


def unfit_image(built: ImageRecord | None, pins: tuple[str, ...]) -> str | None:
    """Return why an image is not built from the pins of the bundle, None if it is."""
    if built is None:
        return "its image is not built: release apply goes on with it"
    if built.pins != pins:
        return (
            f"image {built.reference} was built from other pins than those of the bundle "
            f"({', '.join(built.pins)}): build it anew from a later commit of the app"
        )
    return None
