# A release pauses a job and resumes it; whether it is paused is not looked at here.

resource "google_cloud_scheduler_job" "run" {
  for_each   = { for name, service in local.deployed : name => service if service.schedule != null }
  depends_on = [google_project_service.used]

  name             = "${each.key}-${local.apps[each.value.app].job}"
  region           = each.value.region
  schedule         = each.value.schedule
  time_zone        = "America/New_York"
  attempt_deadline = local.apps[each.value.app].timeout

  retry_config {
    retry_count          = local.apps[each.value.app].retries.count
    min_backoff_duration = local.apps[each.value.app].retries.min_backoff
    max_backoff_duration = local.apps[each.value.app].retries.max_backoff
  }

  http_target {
    http_method = "POST"
    uri         = "${google_cloud_run_v2_service.service[each.key].uri}${local.apps[each.value.app].path}"

    oidc_token {
      service_account_email = google_service_account.trigger[each.key].email
      audience              = local.audiences[each.key]
    }
  }

  lifecycle {
    ignore_changes = [paused]
  }
}

# Looks whether the login will hold until the next run. What it finds it tells; a try that failed is worth one more.

resource "google_cloud_scheduler_job" "preflight" {
  for_each   = { for name, service in local.deployed : name => service if service.preflight != null }
  depends_on = [google_project_service.used]

  name             = "${each.key}-preflight"
  region           = each.value.region
  schedule         = each.value.preflight
  time_zone        = "America/New_York"
  attempt_deadline = local.apps[each.value.app].timeout

  retry_config {
    retry_count = 1
  }

  http_target {
    http_method = "POST"
    uri         = "${google_cloud_run_v2_service.service[each.key].uri}/preflight?schedule=${replace(each.value.schedule, " ", "+")}"

    oidc_token {
      service_account_email = google_service_account.trigger[each.key].email
      audience              = local.audiences[each.key]
    }
  }
}
