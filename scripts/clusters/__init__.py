"""Manifests, Terraform, user-data and shell scripts of clusters: how they are made and checked."""
