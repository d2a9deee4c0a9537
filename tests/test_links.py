"""Links between pages lead to files that are there, and to headings that they have."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted({*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("apps/*/README.md")})
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")


FENCE = re.compile(r" *(\d+\. +|[-*] +)?```")
"""Where code begins or ends; it may begin an item of a list."""


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as forges make them."""
    lines, is_code = list[str](), False
    for line in page.read_text(encoding="utf-8").splitlines():
        is_code ^= FENCE.match(line) is not None
        lines += [] if is_code else [line]
    headings = [found[1] for line in lines if (found := re.match(r"#+ +(.*)$", line))]
    return frozenset(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings)


def broken(page: Path) -> list[str]:
    found: list[str] = []
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target, _, anchor = link["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / target).resolve() if target else page
        is_there = file.exists() and (not anchor or file.suffix != ".md" or anchor in anchors(file))
        found += [] if is_there else [f"{page.relative_to(ROOT)}: {link['target']}"]
    return found


def test_every_link_between_pages_leads_somewhere() -> None:
    assert len(PAGES) > 90
    assert [link for page in PAGES for link in broken(page)] == []


def test_a_broken_link_would_be_found() -> None:
    page = ROOT / "docs" / "runbooks" / "event-trading.md"
    assert {"replay", "a-node-is-lost"} <= anchors(page)
    assert "nothing" not in anchors(page)
    assert LINK.search("see [x](y.md#z)")
    assert not LINK.search("no link, `[x] (y)`")


def test_every_page_is_reached_from_another_one() -> None:
    there = {
        (page.parent / link["target"].partition("#")[0]).resolve()
        for page in PAGES
        for link in LINK.finditer(page.read_text(encoding="utf-8"))
    }
    missing = [
        page for page in (ROOT / "docs").rglob("*.md") if page.resolve() not in there and page.name != "index.md"
    ]
    assert [str(page.relative_to(ROOT)) for page in missing] == []
