"""How a service is watched and stopped."""
