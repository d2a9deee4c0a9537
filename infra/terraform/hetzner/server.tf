# The volume outlives the server: ledger, bus, archive and the cluster's own state are on it.

resource "hcloud_volume" "state" {
  name              = var.name
  labels            = local.labels
  location          = var.location
  size              = var.volume_gb
  format            = "ext4"
  delete_protection = true
}

locals {
  device = "/dev/disk/by-id/scsi-0HC_Volume_${hcloud_volume.state.id}"
  user_data = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    node_name         = var.name
    node_address      = local.address
    public_address    = hcloud_primary_ip.server.ip_address
    device            = local.device
    k3s_url           = var.k3s.url
    k3s_sha256        = var.k3s.sha256
    server_ca_crt_b64 = filebase64("${var.authorities}/server-ca.crt")
    server_ca_key_b64 = filebase64("${var.authorities}/server-ca.key")
    client_ca_crt_b64 = filebase64("${var.authorities}/client-ca.crt")
    client_ca_key_b64 = filebase64("${var.authorities}/client-ca.key")
  })
}

resource "hcloud_server" "node" {
  depends_on = [hcloud_network_subnet.nodes]

  name         = var.name
  labels       = local.labels
  location     = var.location
  server_type  = var.server_type
  image        = var.image
  firewall_ids = [hcloud_firewall.cluster.id]
  user_data    = local.user_data

  public_net {
    ipv4         = hcloud_primary_ip.server.id
    ipv6_enabled = false
  }

  network {
    network_id = hcloud_network.cluster.id
    ip         = local.address
  }

  # A server is never replaced in passing: destroy.sh and bootstrap.sh do that, by name.
  lifecycle {
    ignore_changes = [user_data, image]
  }
}

resource "hcloud_volume_attachment" "state" {
  volume_id = hcloud_volume.state.id
  server_id = hcloud_server.node.id
  automount = false
}
