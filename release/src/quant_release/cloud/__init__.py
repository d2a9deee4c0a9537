"""Services of Cloud Run and their jobs: what is there, what a bundle makes of it, and the steps between."""
