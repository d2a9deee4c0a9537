output "services" {
  description = "What bundles and settings say of each service."
  value = {
    for name, service in var.services : name => {
      address               = google_cloud_run_v2_service.service[name].uri
      job                   = service.schedule == null ? null : google_cloud_scheduler_job.run[name].name
      runs_as               = google_service_account.service[name].email
      OIDC_AUDIENCE         = local.audiences[name]
      OIDC_SERVICE_ACCOUNT  = google_service_account.trigger[name].email
      OIDC_READERS          = join(",", [for reader in service.readers : split(":", reader)[1]])
      STORE_URL             = "gs://${google_storage_bucket.ledger.name}"
      secrets_that_it_reads = sort([for secret, one in var.secrets : secret if contains(one.readers, name)])
    }
  }
}

output "images" {
  description = "Where images are pushed; the name of the app follows."
  value       = "${var.images.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}
