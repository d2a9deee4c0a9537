"""Rows of `quant_platform_kit.adapters.foreign_prices` as one price file.

``checking`` says which rows are kept and what is refused; ``importing`` does this for every source; ``sidecar`` keeps
what a file was made of.
"""
