"""Live sessions of the playbook: killed, cut off, answered late; and held against the model on real days."""
