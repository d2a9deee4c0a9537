"""The page of the roles at Google: who has which, for which call; and what whoever makes a project needs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gcp.bootstrap import stages
from gcp.grants import ROLES, Grant, grants
from gcp.variables import Site, read_site

from reference.markdown import table

__all__ = ["page"]

EXAMPLE = Path(__file__).resolve().parents[2] / "infra" / "terraform" / "gcp" / "example.tfvars.json"


def page() -> str:
    """Return the page."""
    site = read_site(EXAMPLE)
    given = sorted({_row(site, grant) for grant in grants(site)})
    own = ((f"`{role.name}`", ", ".join(f"`{each}`" for each in role.permissions)) for role in ROLES)
    return (
        "\n\n".join(
            (
                "# Roles at Google",
                "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is "
                "out of date. How a project is made is in [its own page](../../infra/terraform/gcp/README.md).",
                "## Who may what",
                table(("on", "role", "who", "the call that needs it"), given),
                "Roles of the project's own:",
                table(("role", "permissions"), own),
                "## Who makes a project",
                "What whoever runs `scripts/gcp/bootstrap.sh` or Terraform needs; an owner of the project has all of "
                "it but the budget's.",
                table(("role", "for"), _makers(site)),
            )
        )
        + "\n"
    )


def _row(site: Site, grant: Grant) -> tuple[str, str, str, str]:
    role = grant.role.removeprefix(f"projects/{site.project}/roles/")
    return grant.target.kind, f"`{role}`", _who(site, grant.member), grant.call


def _who(site: Site, member: str) -> str:
    if member in site.operators:
        return "operators"
    if not member.startswith("serviceAccount:"):
        return "readers of a service"
    name = member.removeprefix("serviceAccount:").partition("@")[0]
    if site.snapshots is not None and name.removesuffix("-job") == site.snapshots.name:
        return "the trigger of snapshots" if name.endswith("-job") else "the job of snapshots"
    return "the trigger of a service" if name.endswith("-job") else "a service"


def _makers(site: Site) -> Iterable[tuple[str, str]]:
    found: dict[str, set[str]] = {}
    for need in (need for stage in stages(site) for need in stage):
        found.setdefault(need.role, set()).add(
            need.name.partition(" ")[0] if " on " not in need.name else "roles on others"
        )
    return [(f"`{role}`", ", ".join(sorted(names))) for role, names in sorted(found.items())]
