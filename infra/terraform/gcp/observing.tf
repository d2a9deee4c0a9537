# Who is told of what: the files of deploy/gcp, and those of deploy/playbook where the playbook runs.

locals {
  deploy  = "${path.module}/../../../deploy"
  plays   = anytrue([for service in values(var.services) : contains(["alpaca", "alpaca-live"], service.app)])
  folders = local.plays ? ["gcp", "playbook"] : ["gcp"]

  log_metrics = merge([
    for folder in local.folders : {
      for name in fileset("${local.deploy}/${folder}/log-metrics", "*.json") :
      name => jsondecode(file("${local.deploy}/${folder}/log-metrics/${name}"))
    }
  ]...)
  policies = merge([
    for folder in local.folders : {
      for name in fileset("${local.deploy}/${folder}/policies", "*.json") :
      name => jsondecode(file("${local.deploy}/${folder}/policies/${name}"))
    }
  ]...)
}

resource "google_logging_metric" "metric" {
  for_each   = local.log_metrics
  depends_on = [google_project_service.used]

  name             = each.value.name
  description      = each.value.description
  filter           = each.value.filter
  value_extractor  = try(each.value.valueExtractor, null)
  label_extractors = try(each.value.labelExtractors, null)

  metric_descriptor {
    metric_kind = each.value.metricDescriptor.metricKind
    value_type  = each.value.metricDescriptor.valueType
    unit        = each.value.metricDescriptor.unit

    dynamic "labels" {
      for_each = try(each.value.metricDescriptor.labels, [])

      content {
        key         = labels.value.key
        value_type  = labels.value.valueType
        description = labels.value.description
      }
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each   = var.emails
  depends_on = [google_project_service.used]

  type         = "email"
  display_name = each.value
  labels       = { email_address = each.value }
}

resource "google_monitoring_alert_policy" "policy" {
  for_each   = local.policies
  depends_on = [google_logging_metric.metric]

  display_name          = each.value.displayName
  combiner              = each.value.combiner
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]

  documentation {
    content   = each.value.documentation.content
    mime_type = each.value.documentation.mimeType
  }

  dynamic "conditions" {
    for_each = each.value.conditions

    content {
      display_name = conditions.value.displayName

      condition_matched_log {
        filter = conditions.value.conditionMatchedLog.filter
      }
    }
  }

  alert_strategy {
    auto_close = each.value.alertStrategy.autoClose

    notification_rate_limit {
      period = each.value.alertStrategy.notificationRateLimit.period
    }
  }
}

resource "google_monitoring_dashboard" "services" {
  depends_on = [google_logging_metric.metric]

  dashboard_json = file("${local.deploy}/gcp/dashboard.json")
}

# What a month costs is told at half, at nine tenths and at all of it; nothing is stopped.

data "google_project" "this" {
  project_id = var.project
}

resource "google_billing_budget" "month" {
  for_each   = var.budget == null ? {} : { month = var.budget }
  depends_on = [google_project_service.used]

  billing_account = each.value.billing_account
  display_name    = var.project

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      currency_code = each.value.currency
      units         = each.value.amount
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]

    content {
      threshold_percent = threshold_rules.value
    }
  }
}
