"""What the site makes of docs/: its navigation out of docs/index.md, and links that lead out of docs/.

Links are written as forges read them. One that leaves docs/ leads to the file at ``DOCS_FILES_URL``, the address of the
repository's files such as ``https://forge.example/owner/name/src/branch/main``; without it its words stay, and no link.
`tests/test_links.py` says whether they lead anywhere.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

__all__ = ["nav_of", "on_config", "on_page_markdown", "out_of_docs"]

SECTION = re.compile(r"\*\*(?P<title>[^*]+)\*\*$")
ITEM = re.compile(r"- \[(?P<title>[^\]]+)\]\((?P<page>[^)\s]+\.md)\)")
LINK = re.compile(r"(?P<before>(?<!!)\[(?P<text>(?:[^\[\]\n]|\n(?!\n))*)\])\((?P<target>[^)\s]+)\)")


def nav_of(index: str) -> list[dict[str, Any]]:
    """Return the navigation that a page of headings in bold and lists of links describes."""
    nav: list[dict[str, Any]] = [{"Home": "index.md"}]
    for line in index.splitlines():
        if section := SECTION.match(line):
            nav.append({section["title"]: []})
        elif (item := ITEM.match(line)) and len(nav) > 1:
            next(iter(nav[-1].values())).append({item["title"]: item["page"]})
    return nav


def out_of_docs(markdown: str, page: str, files_url: str) -> str:
    """Return a page whose links out of docs/ lead to the repository's files, or nowhere.

    Parameters
    ----------
    page
        Path of the page below docs/.
    """

    def led(link: re.Match[str]) -> str:
        target = link["target"]
        if "://" in target or target.startswith(("#", "mailto:")):
            return link[0]
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
        if path.startswith("docs/"):
            return link[0]
        return f"{link['before']}({files_url.rstrip('/')}/{path})" if files_url else link["text"]

    return LINK.sub(led, markdown)


def on_config(config: Any) -> Any:
    """Give the site its navigation."""
    with open(posixpath.join(config["docs_dir"], "index.md"), encoding="utf-8") as index:
        config["nav"] = nav_of(index.read())
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Mend the links of a page."""
    del files
    return out_of_docs(markdown, page.file.src_uri, config["extra"]["files_url"])
