variable "name" {
  description = "Of the server, and of all that belongs to it. It never changes: the node is called so."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}[a-z0-9]$", var.name))
    error_message = "name has 3 to 42 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "location" {
  description = "Where it stands, such as fsn1, nbg1 or hel1."
  type        = string
  default     = "fsn1"
}

variable "zone" {
  description = "The network zone of the location."
  type        = string
  default     = "eu-central"
}

variable "server_type" {
  description = "Its size: requests of the overlay are 3 GB, limits 12 GB."
  type        = string
  default     = "cpx41"
}

variable "image" {
  description = "Its operating system."
  type        = string
  default     = "debian-12"
}

variable "volume_gb" {
  description = "Size of the volume with the ledger, the bus, the archive, images and the cluster's own state."
  type        = number
  default     = 120

  validation {
    condition     = var.volume_gb >= 110 && var.volume_gb <= 10240
    error_message = "volume_gb is at least 110, as the claims of the overlay are 100 GB, and at most 10240."
  }
}

variable "operators" {
  description = "Addresses that reach the API and the forge, such as 198.51.100.7/32."
  type        = set(string)

  validation {
    condition     = length(var.operators) > 0 && alltrue([for each in var.operators : can(cidrhost(each, 0))])
    error_message = "operators are addresses with their prefix, such as 198.51.100.7/32."
  }

  validation {
    condition     = alltrue([for each in var.operators : try(tonumber(split("/", each)[1]) >= (strcontains(each, ":") ? 48 : 16), false)])
    error_message = "An operator's prefix is at least /16, of IPv6 at least /48: the API is not open to everybody."
  }
}

variable "k3s" {
  description = "The program of k3s: where it is, and the SHA-256 it has to have; deploy/images.toml."
  type = object({
    url    = string
    sha256 = string
  })

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.k3s.sha256))
    error_message = "sha256 of k3s is not pinned; scripts/pin_images.sh asks for it."
  }
}

variable "authorities" {
  description = "Folder with the cluster's two authorities: server-ca and client-ca, .crt and .key; bootstrap.sh makes it."
  type        = string
}
