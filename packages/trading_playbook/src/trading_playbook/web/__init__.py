"""The daily run over HTTP."""
