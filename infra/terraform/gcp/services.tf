# What a service runs, with which settings, and where its traffic goes is the release tool's. The template here is that of
# the first revision, an image of Google's that does nothing; it is never applied again.

locals {
  audiences = { for name, service in var.services : name => coalesce(service.audience, google_cloud_run_v2_service.service[name].uri) }
}

resource "google_cloud_run_v2_service" "service" {
  for_each   = var.services
  depends_on = [google_project_service.used]

  name                = each.key
  location            = each.value.region
  ingress             = "INGRESS_TRAFFIC_ALL"
  custom_audiences    = each.value.audience == null ? [] : [each.value.audience]
  deletion_protection = true

  template {
    service_account                  = google_service_account.service[each.key].email
    timeout                          = "300s"
    max_instance_request_concurrency = 1

    scaling {
      min_instance_count = 0
      max_instance_count = 1
    }

    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
    }
  }

  lifecycle {
    ignore_changes = [template, traffic, client, client_version]
  }
}

# Nobody else may call a service: what is not named here is answered 403 before it reaches the code.

resource "google_cloud_run_v2_service_iam_member" "trigger" {
  for_each = var.services

  name     = google_cloud_run_v2_service.service[each.key].name
  location = each.value.region
  role     = "roles/run.invoker"
  member   = google_service_account.trigger[each.key].member
}

resource "google_cloud_run_v2_service_iam_member" "reader" {
  for_each = merge([
    for name, service in var.services : { for reader in service.readers : "${name}/${reader}" => [name, reader] }
  ]...)

  name     = google_cloud_run_v2_service.service[each.value[0]].name
  location = var.services[each.value[0]].region
  role     = "roles/run.invoker"
  member   = each.value[1]
}
