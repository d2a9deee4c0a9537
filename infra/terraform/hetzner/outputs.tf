output "address" {
  description = "Where the API (6443) and the forge (30443) are."
  value       = hcloud_primary_ip.server.ip_address
}

output "name" {
  description = "Of the server."
  value       = hcloud_server.node.name
}

output "lost_with_it" {
  description = "What `destroy` deletes."
  value = {
    server  = hcloud_server.node.name
    volume  = "${hcloud_volume.state.name} (${hcloud_volume.state.size} GB)"
    address = hcloud_primary_ip.server.ip_address
    network = hcloud_network.cluster.name
  }
}
