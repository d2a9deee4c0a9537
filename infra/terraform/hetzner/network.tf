# Nodes talk to each other here; deploy/k8s names these addresses.

locals {
  network = "10.80.0.0/16"
  subnet  = "10.80.0.0/24"
  address = "10.80.0.2"
  labels  = { event-trading = var.name } # by which bootstrap.sh finds what Terraform has not written down
}

resource "hcloud_network" "cluster" {
  name     = var.name
  labels   = local.labels
  ip_range = local.network
}

resource "hcloud_network_subnet" "nodes" {
  network_id   = hcloud_network.cluster.id
  type         = "cloud"
  network_zone = var.zone
  ip_range     = local.subnet
}

# Made before the server: its certificate is for this address. It stays when the server is made anew.

resource "hcloud_primary_ip" "server" {
  name          = var.name
  labels        = local.labels
  type          = "ipv4"
  assignee_type = "server"
  location      = var.location
  auto_delete   = false
}
