# Images are tagged with the commit they are built from; such a tag never moves.

resource "google_artifact_registry_repository" "images" {
  depends_on = [google_project_service.used]

  repository_id = var.images.repository
  location      = var.images.region
  format        = "DOCKER"

  docker_config {
    immutable_tags = true
  }
}

resource "google_artifact_registry_repository_iam_member" "operator" {
  for_each = var.operators

  repository = google_artifact_registry_repository.images.name
  location   = var.images.region
  role       = "roles/artifactregistry.writer"
  member     = each.value
}
