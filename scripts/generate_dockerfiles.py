#!/usr/bin/env python3
"""Write the Dockerfile of every member that has an image from a template; ``--check`` fails where one differs."""

from __future__ import annotations

import sys

from checkout import ROOT, Checkout, Member
from generated_files import write_or_check

TEMPLATE = "apps/Dockerfile.template"
INSTALL = """\
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends {} \\
    && rm -rf /var/lib/apt/lists/*
"""


def dockerfile(app: Member) -> str:
    """Return the Dockerfile of an app."""
    text = (ROOT / TEMPLATE).read_text("utf-8")
    (package,) = app.packages
    system = INSTALL.format(" ".join(app.system_packages)) if app.system_packages else ""
    values = {"@distribution@": app.name, "@module@": app.module or package, "@system@": system}
    for name, value in values.items():
        text = text.replace(name, value)
    return text


if __name__ == "__main__":
    apps = [member for member in Checkout(ROOT).members if member.has_image]
    sys.exit(write_or_check(__doc__ or "", {f"{app.folder}/Dockerfile": dockerfile(app) for app in apps}))
