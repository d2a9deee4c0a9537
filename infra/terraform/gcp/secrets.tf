# Secrets without values: a version is added by hand, or by the service that owns it, and is never in a state file.

resource "google_secret_manager_secret" "secret" {
  for_each   = var.secrets
  depends_on = [google_project_service.used]

  secret_id = each.key

  replication {
    auto {}
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = merge([
    for name, secret in var.secrets : { for service in secret.readers : "${name}/${service}" => [name, service] }
  ]...)

  secret_id = google_secret_manager_secret.secret[each.value[0]].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service[each.value[1]].member
}

resource "google_secret_manager_secret_iam_member" "writer" {
  for_each = merge([
    for name, secret in var.secrets : { for service in secret.writers : "${name}/${service}" => [name, service] }
  ]...)

  secret_id = google_secret_manager_secret.secret[each.value[0]].id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = google_service_account.service[each.value[1]].member
}
