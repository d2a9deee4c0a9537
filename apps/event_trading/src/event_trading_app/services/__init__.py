"""The services: a process and a container each. None calls another; all of them talk over the bus."""
