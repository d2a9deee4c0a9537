"""What the venues that speak HTTP share: a command line, connections that can be cut or go dead, and faults."""
