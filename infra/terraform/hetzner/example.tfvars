# Invented names and addresses. bootstrap.sh gives these values by itself, out of its environment file and deploy/images.toml.

name      = "trading-1"
operators = ["198.51.100.7/32"]
k3s = {
  url    = "https://github.com/k3s-io/k3s/releases/download/v1.34.1%2Bk3s1/k3s"
  sha256 = "UNPINNED"
}
authorities = "../../../.state/hetzner/authorities"
