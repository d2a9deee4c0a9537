"""How the services are watched: health, figures, alerts."""
