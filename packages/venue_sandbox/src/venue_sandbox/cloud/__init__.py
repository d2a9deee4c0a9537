"""Stand-ins of the cloud: scheduler, storage, secrets."""
