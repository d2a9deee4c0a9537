# Invented names, and no statement about any account or service: copy it and make it yours.

project   = "example-project"
operators = ["group:traders@example.com"]
ledger    = { bucket = "example-project-ledger", location = "EU" }
images    = { repository = "services", region = "europe-west1" }

services = {
  ibkr-example = {
    region   = "europe-west1"
    schedule = "45 15 * * 1-5"
    readers  = ["user:ana@example.com"]
  }
  longbridge-example-hk = {
    region   = "asia-east2"
    schedule = "45 15 * * 1-5"
  }
  longbridge-example-sg = {
    region   = "asia-southeast1"
    schedule = "45 15 * * 1-5"
  }
  schwab-example = {
    region   = "us-central1"
    audience = "https://schwab.example.com"
  }
}

secrets = {
  example-longport-hk  = { readers = ["longbridge-example-hk"] }
  example-longport-sg  = { readers = ["longbridge-example-sg"] }
  example-schwab-login = { readers = ["schwab-example"], writers = ["schwab-example"] }
}

snapshots = {
  region   = "europe-west1"
  bucket   = "example-project-snapshots"
  sources  = "example-project-snapshot-sources"
  location = "EU"
  readers  = ["ibkr-example"]
}
