"""LongBridge's OpenAPI as longbridge and longport use it, in front of the sandbox's exchange."""
