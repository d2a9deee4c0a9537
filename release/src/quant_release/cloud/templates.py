"""Templates of Cloud Run: what of a revision a release reads and changes, all else being carried over as it is."""

from __future__ import annotations

from typing import Any, cast

from google.cloud import run_v2

from quant_release.cloud.environment import Environment, Variable, changes

__all__ = [
    "Revision",
    "Template",
    "changed",
    "container_of",
    "environment_of",
    "failure_of",
    "image_of",
    "is_ready",
    "is_same",
    "template_of",
]


Template = run_v2.RevisionTemplate
Revision = run_v2.Revision
_READY = "Ready"


def is_ready(revision: Revision) -> bool:
    """Whether a revision has started."""
    return any(
        one.type_ == _READY and one.state == run_v2.Condition.State.CONDITION_SUCCEEDED for one in revision.conditions
    )


def failure_of(revision: Revision) -> str | None:
    """Return why a revision cannot start, None if it can or may."""
    failed = (one for one in revision.conditions if one.state == run_v2.Condition.State.CONDITION_FAILED)
    return next((" ".join((one.message or one.type_).split()) for one in failed if one.type_ == _READY), None)


def container_of(template: Template | Revision) -> run_v2.Container:
    """Return the container that serves: the one with a port, or the only one."""
    containers = list(template.containers)
    return next((one for one in containers if one.ports), containers[0] if containers else run_v2.Container())


def image_of(template: Template | Revision) -> str:
    """Return the image of the container that serves."""
    return container_of(template).image


def environment_of(template: Template | Revision) -> tuple[Variable, ...]:
    """Return the environment of the container that serves, in its order."""
    return tuple(_variable(one) for one in container_of(template).env)


def _variable(one: run_v2.EnvVar) -> Variable:
    reference = one.value_source.secret_key_ref
    if reference.secret:
        return Variable(one.name, secret=reference.secret, version=reference.version or "latest")
    return Variable(one.name, one.value)


def template_of(revision: run_v2.Revision) -> run_v2.RevisionTemplate:
    """Return the template that makes a revision once more; it has no name."""
    read, make = cast("Any", run_v2.Revision), cast("Any", run_v2.RevisionTemplate)
    document = read.to_json(revision, always_print_fields_with_no_presence=False)
    return make.from_json(document, ignore_unknown_fields=True)


def changed(template: run_v2.RevisionTemplate, image: str, environment: Environment) -> run_v2.RevisionTemplate:
    """Return a copy of a template with another image and another complete environment."""
    copy = run_v2.RevisionTemplate(template)
    container = container_of(copy)
    container.image = image
    container.env = [_written(one) for one in environment]
    return copy


def _written(one: Variable) -> run_v2.EnvVar:
    if one.secret is None:
        return run_v2.EnvVar(name=one.name, value=one.value or "")
    reference = run_v2.SecretKeySelector(secret=one.secret, version=one.version)
    return run_v2.EnvVar(name=one.name, value_source=run_v2.EnvVarSource(secret_key_ref=reference))


def is_same(one: Template | Revision, image: str, environment: Environment) -> bool:
    """Whether a revision has an image, and an environment to the byte; the order of settings means nothing."""
    return image_of(one) == image and not changes(environment_of(one), environment)
