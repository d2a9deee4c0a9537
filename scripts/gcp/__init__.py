"""What stands around the services at Google, made with gcloud alone; needs the standard library only."""
