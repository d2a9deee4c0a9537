# The ledger, the reports, and the stores that services keep apart. Nothing is ever deleted by a rule: what was overwritten
# stays as a version, and what is deleted for good can be had back for 90 days.

locals {
  stores = merge(
    { (var.ledger.bucket) = var.ledger.location },
    { for name, service in var.services : service.bucket => var.ledger.location if service.bucket != null },
  )
  store_of = { for name, service in var.services : name => service.bucket == null ? var.ledger.bucket : service.bucket }
  reporting = {
    for name, service in var.services : name => service if service.bucket == null
  }
}

# Leases are rewritten every minute: no store has a retention period, which would forbid that.

resource "google_storage_bucket" "store" {
  for_each   = local.stores
  depends_on = [google_project_service.used]

  name                        = each.key
  location                    = each.value
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 7776000
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Reports and recorded inputs are written once, so that a retention period can hold them.

resource "google_storage_bucket" "reports" {
  depends_on = [google_project_service.used]

  name                        = var.reports.bucket
  location                    = var.reports.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  retention_policy {
    retention_period = var.reports.retention_days * 86400
  }

  soft_delete_policy {
    retention_duration_seconds = 7776000
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "service" {
  for_each = var.services

  bucket = google_storage_bucket.store[local.store_of[each.key]].name
  role   = "roles/storage.objectUser"
  member = google_service_account.service[each.key].member
}

resource "google_storage_bucket_iam_member" "reporter" {
  for_each = local.reporting

  bucket = google_storage_bucket.reports.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.service[each.key].member
}

resource "google_storage_bucket_iam_member" "reader_of_reports" {
  for_each = local.reporting

  bucket = google_storage_bucket.reports.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.service[each.key].member
}

# Operators set halts in stores, and the release tool keeps its journal there.

resource "google_storage_bucket_iam_member" "operator" {
  for_each = merge([
    for operator in var.operators : { for bucket in keys(local.stores) : "${bucket}/${operator}" => [bucket, operator] }
  ]...)

  bucket = google_storage_bucket.store[each.value[0]].name
  role   = "roles/storage.objectUser"
  member = each.value[1]
}

resource "google_storage_bucket_iam_member" "operator_of_reports" {
  for_each = var.operators

  bucket = google_storage_bucket.reports.name
  role   = "roles/storage.objectViewer"
  member = each.value
}
