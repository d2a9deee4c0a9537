"""How each broker is started on this machine: its venue, its service and a scheduler."""
