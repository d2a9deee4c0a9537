variable "project" {
  description = "The project that everything here belongs to."
  type        = string
}

variable "operators" {
  description = "Who releases, such as group:traders@example.com."
  type        = set(string)
}

variable "services" {
  description = <<-EOT
    Services by name; a name never changes.
    app: what it is, one of deploy/gcp/apps.json.
    region: where the service and its job are.
    schedule: cron of its job, in New York's time; none: no job.
    preflight: cron of its looks before a run, 12 hours and 1 hour ahead of its schedule; none: nobody looks.
    audience: of identity tokens; https://NAME.PROJECT.internal, if none is given.
    image: of its first revision, by digest, as `release status` shows it; without one there is no service yet.
    bucket: where it keeps its store, if not in the ledger.
    readers: who may read its reports, such as user:ana@example.com; they go into OIDC_READERS as well.
    settings: variables of its own, beside those of its app; none of them is secret.
    secrets: SECRET:VERSION by the names of variables.
  EOT
  type = map(object({
    app       = string
    region    = string
    schedule  = optional(string)
    preflight = optional(string)
    audience  = optional(string)
    image     = optional(string)
    bucket    = optional(string)
    readers   = optional(set(string), [])
    settings  = optional(map(string), {})
    secrets   = optional(map(string), {})
  }))

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{4,24}[a-z0-9]$", name))])
    error_message = "A service's name has 6 to 26 lower-case letters, digits and hyphens: its accounts are named after it."
  }

  validation {
    condition     = length(setintersection(keys(var.services), [for name in keys(var.services) : "${name}-job"])) == 0
    error_message = "A service is not called as the account of another one's job: rename it."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.preflight == null || service.schedule != null])
    error_message = "A look before a run needs the schedule of the runs."
  }

  validation {
    condition = alltrue([
      for service in values(var.services) :
      service.preflight == null ? true : jsondecode(file("${path.module}/../../../deploy/gcp/apps.json"))[service.app].path == "/run"
    ])
    error_message = "Only a service that trades has a login to look at before a run."
  }

  validation {
    condition = alltrue([
      for service in values(var.services) : service.image == null ? true : can(regex("@sha256:[0-9a-f]{64}$", service.image))
    ])
    error_message = "An image is named by digest, REPOSITORY@sha256:..., as `release status` shows it."
  }

  validation {
    condition = alltrue([
      for service in values(var.services) :
      length(setintersection(keys(service.settings), jsondecode(file("${path.module}/../../../deploy/gcp/secret-settings.json")))) == 0
    ])
    error_message = "A setting that is secret stands under secrets, as SECRET:VERSION; deploy/gcp/secret-settings.json names them."
  }
}

variable "secrets" {
  description = <<-EOT
    Secrets by name, without their values.
    readers: services that read it.
    writers: services that add versions, as Schwab's does with its login's token.
  EOT
  type = map(object({
    readers = set(string)
    writers = optional(set(string), [])
  }))
  default = {}

  validation {
    condition = alltrue([
      for secret in values(var.secrets) :
      length(setsubtract(setunion(secret.readers, secret.writers), keys(var.services))) == 0
    ])
    error_message = "Readers and writers of a secret are names of services."
  }
}

variable "reports" {
  description = "The bucket of reports and recorded inputs: its name, its location, and for how many days it holds them."
  type = object({
    bucket         = string
    location       = string
    retention_days = number
  })
}

variable "ledger" {
  description = "The bucket of the ledger: its name, unique in the world, and its location."
  type = object({
    bucket   = string
    location = string
  })
}

variable "images" {
  description = "The repository of images: its name and its region."
  type = object({
    repository = string
    region     = string
  })
}

variable "snapshots" {
  description = <<-EOT
    The job of feature snapshots; none: no service reads any.
    name: of the job; its accounts are named after it.
    bucket, sources: buckets of what is published, and of job.toml with its files; unique in the world.
    location: of both.
    schedule: cron in New York's time. Every hour of every day: a source that is late may come on a Saturday. The job knows the
    calendar, and a run with nothing to do changes nothing.
    readers: services that read snapshots.
    image: of the job, by digest; without one there is no job yet.
  EOT
  type = object({
    name     = optional(string, "snapshots")
    region   = string
    bucket   = string
    sources  = string
    location = string
    schedule = optional(string, "30 * * * *")
    readers  = optional(set(string), [])
    image    = optional(string)
  })
  default = null

  validation {
    condition     = var.snapshots == null ? true : length(setsubtract(var.snapshots.readers, keys(var.services))) == 0
    error_message = "Readers of snapshots are names of services."
  }

  validation {
    condition     = var.snapshots == null ? true : var.snapshots.bucket != var.snapshots.sources
    error_message = "What is published and its sources are in two buckets."
  }

  validation {
    condition = var.snapshots == null ? true : length(setintersection(
      flatten([for name in keys(var.services) : [name, "${name}-job"]]), [var.snapshots.name, "${var.snapshots.name}-job"]
    )) == 0
    error_message = "The job of snapshots is not called as a service: its accounts would be the service's."
  }
}

variable "emails" {
  description = "Who is told of alerts."
  type        = set(string)
  default     = []
}

variable "budget" {
  description = "What a month may cost before the account's administrators are told: billing account, amount, currency."
  type = object({
    billing_account = string
    amount          = number
    currency        = string
  })
  default = null
}
