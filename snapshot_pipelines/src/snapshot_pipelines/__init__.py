"""Feature snapshots: built point in time, published once, verified everywhere.

A file of one's own features needs `feature` alone.
"""

from snapshot_pipelines.build.feature import feature

__all__ = ["feature"]
