"""Stand-ins of the cloud: scheduler, services that run, storage, secrets."""
