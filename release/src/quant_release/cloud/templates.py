"""Templates of Cloud Run: what of a revision a release reads and changes, all else being carried over as it is."""

from __future__ import annotations

from google.cloud import run_v2
from quant_platform_kit.domain.digests import sha256

from quant_release.cloud.environment import Environment, Variable, changes

__all__ = ["changed", "container_of", "environment_of", "image_of", "is_same", "template_of", "print_of"]

_OWN = ("revision",)
"""Fields of a template that a revision does not have: its name, and switches of the deployment."""


def container_of(template: run_v2.RevisionTemplate | run_v2.Revision) -> run_v2.Container:
    """Return the container that serves: the one with a port, or the only one."""
    containers = list(template.containers)
    return next((one for one in containers if one.ports), containers[0] if containers else run_v2.Container())


def image_of(template: run_v2.RevisionTemplate | run_v2.Revision) -> str:
    """Return the image of the container that serves."""
    return container_of(template).image


def environment_of(template: run_v2.RevisionTemplate | run_v2.Revision) -> tuple[Variable, ...]:
    """Return the environment of the container that serves, in its order."""
    return tuple(_variable(one) for one in container_of(template).env)


def _variable(one: run_v2.EnvVar) -> Variable:
    reference = one.value_source.secret_key_ref
    if reference.secret:
        return Variable(one.name, secret=reference.secret, version=reference.version or "latest")
    return Variable(one.name, one.value)


def template_of(revision: run_v2.Revision) -> run_v2.RevisionTemplate:
    """Return the template that makes a revision once more; it has no name."""
    template = run_v2.RevisionTemplate()
    source, target = run_v2.Revision.pb(revision), run_v2.RevisionTemplate.pb(template)
    for field, value in source.ListFields():
        if field.name not in target.DESCRIPTOR.fields_by_name:
            continue
        if field.message_type is None and field.label != field.LABEL_REPEATED:
            setattr(target, field.name, value)
        else:
            getattr(target, field.name).MergeFrom(value)
    return template


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


def is_same(
    one: run_v2.RevisionTemplate | run_v2.Revision, image: str, environment: Environment
) -> bool:
    """Whether a revision has an image, and an environment to the byte; the order of settings means nothing."""
    return image_of(one) == image and not changes(environment_of(one), environment)


def print_of(environment: Environment) -> str:
    """Return a fingerprint of an environment: equal for equal ones, whatever their order."""
    lines = sorted(f"{one.name}\0{one.value}\0{one.secret}\0{one.version}" for one in environment)
    return sha256("\n".join(lines).encode())
