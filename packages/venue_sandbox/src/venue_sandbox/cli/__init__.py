"""The `quant sandbox` command."""
