"""The catalog of US equity strategies: each module is one profile, a manifest and one pure function."""
