"""A back-test as one HTML page for a person: no network, no library in the page, readable on paper and on a phone.

Needs the extra ``quant-platform-kit[report]``.
"""
