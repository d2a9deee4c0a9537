"""What the site makes of docs/; `make check` builds it, and its links are those of tests/test_links.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site_links() -> Any:
    spec = importlib.util.spec_from_file_location("site_links", ROOT / "scripts" / "site_links.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("written", "with_files", "without"),
    [
        ("[a](../../infra/systemd)", "[a](https://forge/x/infra/systemd)", "a"),
        ("[a](../../README.md#start)", "[a](https://forge/x/README.md#start)", "a"),
        ("[`a`\nb](../../compose.yaml)", "[`a`\nb](https://forge/x/compose.yaml)", "`a`\nb"),
        *[(link, link, link) for link in ("[a](tq-broker.md)", "[a](../index.md#x)", "[a](#x)", "[a](https://h/x)")],
    ],
)
def test_a_link_out_of_docs_leads_to_the_files_or_nowhere(
    site_links: Any, written: str, with_files: str, without: str
) -> None:
    assert site_links.out_of_docs(written, "runbooks/one-machine.md", "https://forge/x/") == with_files
    assert site_links.out_of_docs(written, "runbooks/one-machine.md", "") == without


def test_the_navigation_is_that_of_the_first_page(site_links: Any) -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    home, *sections = site_links.nav_of(index)
    titles = [title for section in sections for title in section]
    assert home == {"Home": "index.md"}
    assert titles == ["Start", "Concepts", "Runbooks", "Reference", "Decisions", "History"]
    pages = [page for section in sections for items in section.values() for item in items for page in item.values()]
    assert len(pages) > 90
    assert [page for page in pages if not (ROOT / "docs" / page).is_file()] == []
