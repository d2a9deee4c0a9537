"""``python -m snapshot_pipelines`` is the command `snapshots`."""

from snapshot_pipelines.cli.main import main

main()
