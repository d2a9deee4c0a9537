# What the release tool does in an operator's name, and nothing that creates, deletes or gives rights.

locals {
  operators_of_services = merge([
    for operator in var.operators : { for name in keys(var.services) : "${name}/${operator}" => [name, operator] }
  ]...)
  operators_of_deployed = { for key, pair in local.operators_of_services : key => pair if contains(keys(local.deployed), pair[0]) }
}

resource "google_project_iam_custom_role" "observe" {
  depends_on = [google_project_service.used]

  role_id     = "quantReleaseObserve"
  title       = "Release: observe services, pause jobs"
  description = "Revisions, operations and jobs have no policy of their own, so this is granted on the project."
  permissions = [
    "cloudscheduler.jobs.enable",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.pause",
    "run.operations.get",
    "run.revisions.get",
    "run.revisions.list",
    "run.services.get",
  ]
}

resource "google_project_iam_member" "observe" {
  for_each = var.operators

  project = var.project
  role    = google_project_iam_custom_role.observe.name
  member  = each.value
}

resource "google_project_iam_custom_role" "deploy" {
  depends_on = [google_project_service.used]

  role_id     = "quantReleaseDeploy"
  title       = "Release: deploy a service"
  permissions = ["run.services.get", "run.services.update"]
}

resource "google_cloud_run_v2_service_iam_member" "deploy" {
  for_each = local.operators_of_deployed

  name     = google_cloud_run_v2_service.service[each.value[0]].name
  location = var.services[each.value[0]].region
  role     = google_project_iam_custom_role.deploy.name
  member   = each.value[1]
}

# A revision is deployed to run as the service's account.

resource "google_service_account_iam_member" "deploy_as" {
  for_each = local.operators_of_services

  service_account_id = google_service_account.service[each.value[0]].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value[1]
}

# The tool asks a service what it is in the name of the account that triggers it: identity tokens, no access tokens.

resource "google_service_account_iam_member" "ask_as" {
  for_each = local.operators_of_services

  service_account_id = google_service_account.trigger[each.value[0]].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = each.value[1]
}
