"""What every service needs, with or without HTTP: settings, composition, running, stopping (extra ``runtime``)."""
