# Feature snapshots: the bucket that services read, the bucket of the sources with job.toml, and the job that builds and
# publishes. Nothing is deleted by a rule: `snapshots prune` is for that.

locals {
  snapshots = var.snapshots == null ? {} : { (var.snapshots.name) = var.snapshots }
  snapshot_buckets = merge([
    for job in values(local.snapshots) : { (job.bucket) = job.location, (job.sources) = job.location }
  ]...)
  readers_of_snapshots = merge([
    for name, job in local.snapshots : { for reader in job.readers : "${name}/${reader}" => [job.bucket, reader] }
  ]...)
  operators_of_snapshots = merge([
    for name in keys(local.snapshots) : { for operator in var.operators : "${name}/${operator}" => [name, operator] }
  ]...)
  deployed_snapshots              = { for name, job in local.snapshots : name => job if job.image != null }
  operators_of_deployed_snapshots = { for key, pair in local.operators_of_snapshots : key => pair if contains(keys(local.deployed_snapshots), pair[0]) }
}

resource "google_storage_bucket" "snapshots" {
  for_each   = local.snapshot_buckets
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

resource "google_service_account" "snapshots" {
  for_each   = local.snapshots
  depends_on = [google_project_service.used]

  account_id   = each.key
  display_name = "Builds and publishes feature snapshots"
}

resource "google_service_account" "snapshots_trigger" {
  for_each   = local.snapshots
  depends_on = [google_project_service.used]

  account_id   = "${each.key}-job"
  display_name = "Runs the job ${each.key}"
}

# The job writes both buckets: pulled prices are kept with the sources. Services read what is published, and no more.

resource "google_storage_bucket_iam_member" "snapshots_job" {
  for_each = merge([
    for name, job in local.snapshots : { for bucket in [job.bucket, job.sources] : "${name}/${bucket}" => [name, bucket] }
  ]...)

  bucket = google_storage_bucket.snapshots[each.value[1]].name
  role   = "roles/storage.objectUser"
  member = google_service_account.snapshots[each.value[0]].member
}

resource "google_storage_bucket_iam_member" "snapshots_reader" {
  for_each = local.readers_of_snapshots

  bucket = google_storage_bucket.snapshots[each.value[0]].name
  role   = "roles/storage.objectViewer"
  member = google_service_account.service[each.value[1]].member
}

resource "google_storage_bucket_iam_member" "snapshots_operator" {
  for_each = merge([
    for operator in var.operators : { for bucket in keys(local.snapshot_buckets) : "${bucket}/${operator}" => [bucket, operator] }
  ]...)

  bucket = google_storage_bucket.snapshots[each.value[0]].name
  role   = "roles/storage.objectUser"
  member = each.value[1]
}

# Addresses of who is told are a secret; its value is added by hand.

resource "google_secret_manager_secret" "snapshots_notify" {
  for_each   = local.snapshots
  depends_on = [google_project_service.used]

  secret_id = "${each.key}-notify-urls"

  replication {
    auto {}
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "snapshots_notify" {
  for_each = local.snapshots

  secret_id = google_secret_manager_secret.snapshots_notify[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.snapshots[each.key].member
}

# Its first image is one that `release apply` has built; which image it runs then, and with which variables, is a person's
# (`gcloud run jobs update`), as docs/runbooks/snapshots.md says.

resource "google_cloud_run_v2_job" "snapshots" {
  for_each   = local.deployed_snapshots
  depends_on = [google_project_service.used]

  name                = each.key
  location            = each.value.region
  deletion_protection = true

  template {
    task_count  = 1
    parallelism = 1

    template {
      service_account = google_service_account.snapshots[each.key].email
      timeout         = "900s"
      max_retries     = 1

      containers {
        image = each.value.image
        args  = ["run", "--config", "/sources/job.toml"]

        resources {
          limits = { cpu = "1", memory = "2Gi" }
        }

        volume_mounts {
          name       = "sources"
          mount_path = "/sources"
        }
      }

      volumes {
        name = "sources"

        gcs {
          bucket    = google_storage_bucket.snapshots[each.value.sources].name
          read_only = false
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [
      template[0].template[0].containers[0].image,
      template[0].template[0].containers[0].env,
      client,
      client_version,
    ]
  }
}

resource "google_cloud_run_v2_job_iam_member" "snapshots_trigger" {
  for_each = local.deployed_snapshots

  name     = google_cloud_run_v2_job.snapshots[each.key].name
  location = each.value.region
  role     = "roles/run.invoker"
  member   = google_service_account.snapshots_trigger[each.key].member
}

resource "google_cloud_run_v2_job_iam_member" "snapshots_operator" {
  for_each = local.operators_of_deployed_snapshots

  name     = google_cloud_run_v2_job.snapshots[each.value[0]].name
  location = local.snapshots[each.value[0]].region
  role     = "roles/run.developer"
  member   = each.value[1]
}

resource "google_service_account_iam_member" "snapshots_deploy_as" {
  for_each = local.operators_of_snapshots

  service_account_id = google_service_account.snapshots[each.value[0]].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value[1]
}

resource "google_cloud_scheduler_job" "snapshots" {
  for_each   = local.deployed_snapshots
  depends_on = [google_project_service.used]

  name             = "${each.key}-run"
  region           = each.value.region
  schedule         = each.value.schedule
  time_zone        = "America/New_York"
  attempt_deadline = "60s"

  retry_config {
    retry_count = 3
  }

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.snapshots[each.key].id}:run"

    oauth_token {
      service_account_email = google_service_account.snapshots_trigger[each.key].email
    }
  }

  lifecycle {
    ignore_changes = [paused]
  }
}
