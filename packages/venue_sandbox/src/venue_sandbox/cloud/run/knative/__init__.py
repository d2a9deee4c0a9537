"""Version 1 of the API, Knative's: the same services as gcloud sees them."""
