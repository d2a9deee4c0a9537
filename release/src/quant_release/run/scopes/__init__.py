"""How each scope is released: packages, apps, images."""
