# The ledger. Nothing in it is ever deleted by a rule: what was overwritten stays as a version.

resource "google_storage_bucket" "ledger" {
  depends_on = [google_project_service.used]

  name                        = var.ledger.bucket
  location                    = var.ledger.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "service" {
  for_each = var.services

  bucket = google_storage_bucket.ledger.name
  role   = "roles/storage.objectUser"
  member = google_service_account.service[each.key].member
}

# Operators set halts in it, and the release tool keeps its journal there.

resource "google_storage_bucket_iam_member" "operator" {
  for_each = var.operators

  bucket = google_storage_bucket.ledger.name
  role   = "roles/storage.objectUser"
  member = each.value
}
