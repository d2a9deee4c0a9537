# One account that a service runs as, and one that triggers it. Neither has a key.

resource "google_service_account" "service" {
  for_each   = var.services
  depends_on = [google_project_service.used]

  account_id   = each.key
  display_name = "Runs ${each.key}"
}

resource "google_service_account" "trigger" {
  for_each   = var.services
  depends_on = [google_project_service.used]

  account_id   = "${each.key}-job"
  display_name = "Triggers ${each.key}"
}
