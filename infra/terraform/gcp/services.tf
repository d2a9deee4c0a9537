# What a service runs, with which settings, and where its traffic goes is the release tool's. The template here is that of
# the first revision, which sends no order: the image that `release apply` has built, by digest. It is never applied again.
# What a service of each app is stands in deploy/gcp/apps.json, which scripts/gcp reads too.

locals {
  apps      = jsondecode(file("${path.module}/../../../deploy/gcp/apps.json"))
  audiences = { for name, service in var.services : name => coalesce(service.audience, "https://${name}.${var.project}.internal") }
  deployed  = { for name, service in var.services : name => service if service.image != null }
  buckets = {
    for name, service in var.services : name => { store = local.store_of[name], reports = var.reports.bucket }
  }

  environment = {
    for name, service in local.deployed : name => merge(
      {
        for key, value in local.apps[service.app].settings : key =>
        replace(replace(value, "{store}", local.buckets[name].store), "{reports}", local.buckets[name].reports)
      },
      service.settings,
      {
        CLOUD_RUN_SERVICE    = name
        IMAGE                = service.image
        OIDC_AUDIENCE        = local.audiences[name]
        OIDC_SERVICE_ACCOUNT = google_service_account.trigger[name].email
      },
      length(service.readers) == 0 ? {} : { OIDC_READERS = join(",", [for reader in service.readers : split(":", reader)[1]]) },
    )
  }
}

resource "google_cloud_run_v2_service" "service" {
  for_each   = local.deployed
  depends_on = [google_project_service.used, google_secret_manager_secret_iam_member.reader]

  name                = each.key
  location            = each.value.region
  ingress             = "INGRESS_TRAFFIC_ALL"
  custom_audiences    = [local.audiences[each.key]]
  deletion_protection = true

  template {
    service_account                  = google_service_account.service[each.key].email
    timeout                          = local.apps[each.value.app].timeout
    max_instance_request_concurrency = 1

    scaling {
      min_instance_count = try(local.apps[each.value.app].always_on, false) ? 1 : 0
      max_instance_count = 1
    }

    containers {
      image = each.value.image
      args  = try(local.apps[each.value.app].args, [])

      resources {
        limits            = { cpu = "1", memory = local.apps[each.value.app].memory }
        cpu_idle          = !try(local.apps[each.value.app].always_on, false)
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.environment[each.key]

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = each.value.secrets

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = split(":", env.value)[0]
              version = split(":", env.value)[1]
            }
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [template, traffic, client, client_version]
  }
}

# Nobody else may call a service: what is not named here is answered 403 before it reaches the code.

resource "google_cloud_run_v2_service_iam_member" "trigger" {
  for_each = local.deployed

  name     = google_cloud_run_v2_service.service[each.key].name
  location = each.value.region
  role     = "roles/run.invoker"
  member   = google_service_account.trigger[each.key].member
}

resource "google_cloud_run_v2_service_iam_member" "reader" {
  for_each = merge([
    for name, service in local.deployed : { for reader in service.readers : "${name}/${reader}" => [name, reader] }
  ]...)

  name     = google_cloud_run_v2_service.service[each.value[0]].name
  location = var.services[each.value[0]].region
  role     = "roles/run.invoker"
  member   = each.value[1]
}
