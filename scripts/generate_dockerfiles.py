#!/usr/bin/env python3
"""Write the Dockerfile of every member that has an image from a template; ``--check`` fails where one differs."""

from __future__ import annotations

import sys

from checkout import ROOT, Checkout, Member
from generated_files import write_or_check

TEMPLATE = "apps/Dockerfile.template"


def dockerfile(app: Member) -> str:
    """Return the Dockerfile of an app."""
    text = (ROOT / TEMPLATE).read_text("utf-8")
    (package,) = app.packages
    return text.replace("@distribution@", app.name).replace("@package@", package)


if __name__ == "__main__":
    apps = [member for member in Checkout(ROOT).members if member.has_image]
    sys.exit(write_or_check(__doc__ or "", {f"{app.folder}/Dockerfile": dockerfile(app) for app in apps}))
