"""Processes that serve: how one is launched, asked, controlled and made to fail."""
