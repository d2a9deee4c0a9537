"""What all tests of the app have in common."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test hide words of another one's texts."""
    monkeypatch.setattr("quant_platform_kit.domain.redaction._known", [])
