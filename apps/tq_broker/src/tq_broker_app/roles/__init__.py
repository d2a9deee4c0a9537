"""The eight services. Each is one small class over the same parts."""
