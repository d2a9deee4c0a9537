"""How an image is built, and from which files."""
