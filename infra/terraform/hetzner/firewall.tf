# What is not here is closed: nobody logs in, and node ports other than the forge's are the node's own.

resource "hcloud_firewall" "cluster" {
  name   = var.name
  labels = local.labels

  rule {
    description = "the API of k3s"
    direction   = "in"
    protocol    = "tcp"
    port        = "6443"
    source_ips  = var.operators
  }

  rule {
    description = "the forge"
    direction   = "in"
    protocol    = "tcp"
    port        = "30443"
    source_ips  = var.operators
  }

  rule {
    description = "echo and path MTU"
    direction   = "in"
    protocol    = "icmp"
    source_ips  = ["0.0.0.0/0", "::/0"]
  }
}
