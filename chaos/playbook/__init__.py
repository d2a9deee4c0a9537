"""The daily run of the playbook, killed at every boundary and at random, two at once, its server killed."""
