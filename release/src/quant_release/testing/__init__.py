"""What tests and fault campaigns of releases share: a small workspace, and stand-ins for uv and docker."""
