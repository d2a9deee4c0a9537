"""Cloud Run Jobs: what runs to its end, when somebody asks for it, in both versions of the API."""
