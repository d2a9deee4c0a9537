"""The commands: `quant playbook`, and each by itself with ``python -m``."""
