output "bundle" {
  description = "What a bundle says of each service."
  value = {
    for name, service in local.deployed : name => {
      project         = var.project
      region          = service.region
      schedule        = service.schedule == null ? null : google_cloud_scheduler_job.run[name].name
      service_account = google_service_account.trigger[name].email
      audience        = local.audiences[name]
      store           = local.environment[name].STORE_URL
    }
  }
}

output "images" {
  description = "Where images are pushed; the name of the app follows."
  value       = "${var.images.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "snapshots" {
  description = "What a job of snapshots publishes to, and what a bundle says of a service that reads them; the profile's name follows."
  value = {
    for name, job in local.deployed_snapshots : name => {
      root     = "gs://${google_storage_bucket.snapshots[job.bucket].name}/published"
      manifest = "gs://${google_storage_bucket.snapshots[job.bucket].name}/published/PROFILE_feature_snapshot_latest.parquet.manifest.json"
      job      = google_cloud_run_v2_job.snapshots[name].name
    }
  }
}
