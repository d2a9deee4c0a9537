"""The `quant` command: one module per command; packages add more through the entry point group ``quant.commands``."""
