"""What a checkout and its origin have: refs, versions, pins, packages and apps, and the texts of a release."""
