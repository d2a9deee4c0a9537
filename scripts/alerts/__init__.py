"""Every alert of the product, out of the code: the files of Prometheus, and docs/operate.md."""
