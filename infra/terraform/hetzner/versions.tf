terraform {
  required_version = ">= 1.6"

  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "~> 1.48"
    }
  }

  # bootstrap.sh says where: below .state, which is no part of git, as the cluster's keys are in it.
  backend "local" {}
}

# The token comes from HCLOUD_TOKEN.
provider "hcloud" {}
