"""A back-test as one HTML page for a person: no network, no library in the page, readable on paper and on a phone.

Needs the extra ``quant-platform-kit[report]``.
"""

from quant_platform_kit.report.page import render_report

__all__ = ["render_report"]
