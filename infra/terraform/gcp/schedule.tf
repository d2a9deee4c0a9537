# A release pauses a job and resumes it; whether it is paused is not looked at here.

resource "google_cloud_scheduler_job" "run" {
  for_each   = { for name, service in var.services : name => service if service.schedule != null }
  depends_on = [google_project_service.used]

  name             = "${each.key}-run"
  region           = each.value.region
  schedule         = each.value.schedule
  time_zone        = "America/New_York"
  attempt_deadline = "300s"

  retry_config {
    retry_count = 5
  }

  http_target {
    http_method = "POST"
    uri         = "${google_cloud_run_v2_service.service[each.key].uri}/run"

    oidc_token {
      service_account_email = google_service_account.trigger[each.key].email
      audience              = local.audiences[each.key]
    }
  }

  lifecycle {
    ignore_changes = [paused]
  }
}
