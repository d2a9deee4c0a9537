"""Whether packages are published."""

from __future__ import annotations

from quant_release.repository.observed import ObservedState
from quant_release.repository.versions import Version, tag_name
from quant_release.run.reading import Reading
from quant_release.steps.machine import Subject

__all__ = ["unpublished", "unpublished_packages"]


def unpublished(observed: ObservedState, package: str, version: Version) -> str | None:
    """Return why a version of a package is not published, None if it is."""
    tag = tag_name(package, version)
    commit = observed.remote.tags.get(tag)
    if commit is None:
        return f"tag {tag} is not at the origin"
    found = observed.tagged(tag, package)
    if not observed.git.contains(observed.remote_head, commit):
        place = f"origin/{observed.branch}"
        if observed.git.contains(observed.head, commit):
            return (
                f"tag {tag} is at the origin, but its commit {commit[:12]} was not pushed to {place}: "
                f"git push origin {commit[:12]}:{observed.branch}"
            )
        return (
            f"commit {commit[:12]} of tag {tag} is not reachable from {place}: merge it there, or choose a newer "
            "version"
        )
    if found is None or found.version != version:
        return f"tag {tag} names a commit with {package} {found.version if found else 'absent'}: choose another one"
    return None


def unpublished_packages(reading: Reading, subject: Subject) -> str | None:
    """Return which packages of the bundle an app or image would miss, None if all are published."""
    versions = reading.desired.versions
    problems = [unpublished(reading.observed, name, version) for name, version in versions.items()]
    found = "; ".join(problem for problem in problems if problem)
    return f"{subject} may not be pinned to what is not there: {found}" if found else None
