"""A trading playbook: DP20 and what it takes to test it, to write its journal and to judge it."""
