"""Bootstrap of a server at Hetzner, killed and lied to; its programs are doubles that keep a world between calls."""
