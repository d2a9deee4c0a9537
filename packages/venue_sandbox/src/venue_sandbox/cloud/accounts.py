"""What service accounts are called in full."""

from __future__ import annotations

__all__ = ["account_name", "project_of"]


def project_of(email: str) -> str:
    """Return the project whose service account an address is."""
    return email.partition("@")[2].removesuffix(".iam.gserviceaccount.com")


def account_name(email: str) -> str:
    """Return the full name of a service account."""
    return f"projects/{project_of(email)}/serviceAccounts/{email}"
