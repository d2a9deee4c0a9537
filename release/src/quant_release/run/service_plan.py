"""What the steps of a service would be, as they could be typed, and the exact difference of its environment."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from quant_release.cloud.environment import Change, changes
from quant_release.cloud.holds import scope_of
from quant_release.cloud.templates import environment_of
from quant_release.run.service_state import CODE, SETTINGS, ServiceState
from quant_release.steps.table import Action

__all__ = ["commands_of", "diff_of"]

_SEPARATORS = ("|", ";", "#", "~", "@@@")
"""One that is in no value lets values with commas through gcloud's lists."""


def diff_of(action: Action, state: ServiceState) -> str:
    """Return what an action changes of the environment, a line for each setting; empty if nothing.

    A value that may be secret is shown only where the bundle says it: going back shows none.
    """
    goal = state.goal
    if goal is None:
        return ""
    if state.back_to is not None:
        found = changes(environment_of(state.serving_revision), goal.final) if action is Action.DEPLOY else ()
        return "".join(f"{one.text}\n" for one in found)
    if action is Action.DEPLOY:
        found = changes(environment_of(goal.base), goal.code)
    elif action is Action.SWITCH:
        found = changes(goal.code, goal.final)
    else:
        return ""
    return "".join(f"{one.spoken}\n" for one in found)


def commands_of(action: Action, state: ServiceState) -> Sequence[str]:
    """Return what an action does, as it could be typed, or in brackets what no command line does."""
    service, goal = state.service, state.goal
    place = f"--region {service.region} --project {service.project}"
    job = f"{service.schedule} --location {service.region} --project {service.project}"
    scope = scope_of(state.name)
    match action:
        case Action.HOLD:
            pause = () if state.job.paused else (f"gcloud scheduler jobs pause {job}",)
            return (*pause, f"(set halt {scope} in the ledger)")
        case Action.DRAIN:
            return ("(wait for open runs of its accounts)",)
        case Action.DEPLOY if state.back_to is not None:
            return (f"(make a revision with image and settings of {state.back_to}, to the byte)",)
        case Action.DEPLOY if goal is not None:
            image = f"--image {goal.image} --update-env-vars IMAGE={goal.image}"
            return (f"gcloud run deploy {state.name} {image} {_revision(state, CODE)} {place}",)
        case Action.CONFIRM:
            return tuple(f"{_curl(state)} TAG_ADDRESS/{path}" for path in ("version", "ready"))
        case Action.SHIFT:
            return (_traffic(state, CODE, place), f"{_curl(state)} {state.deployed.address}/version")
        case Action.SWITCH if goal is not None:
            return _switch_commands(state, changes(goal.code, goal.final), place)
        case Action.PROBE:
            body = '-H "X-CloudScheduler-ScheduleTime: $(date -u +%FT%TZ)" -d \'{"mode": "probe"}\''
            return (f"{_curl(state)} {body} {state.deployed.address}{state.wanted.trigger}",)
        case Action.OPEN:
            resume = (f"gcloud scheduler jobs resume {job}",) if state.owing or not state.job.paused else ()
            return (f"(lift halt {scope} in the ledger)", *resume)
        case _:
            return ()


def _switch_commands(state: ServiceState, found: Sequence[Change], place: str) -> Sequence[str]:
    if not found:
        return ("(nothing to change)",)
    update = f"gcloud run services update {state.name}"
    values = [f"{one.name}={one.after.value}" for one in found if one.after and one.after.secret is None]
    secrets = [f"{one.name}={one.after.secret}:{one.after.version}" for one in found if one.after and one.after.secret]
    options = (
        ("--update-env-vars", values and shlex.quote(_listed(values))),
        ("--remove-env-vars", ",".join(one.name for one in found if _was_value(one) and not _becomes_value(one))),
        ("--update-secrets", ",".join(secrets)),
        ("--remove-secrets", ",".join(one.name for one in found if _was_secret(one) and one.after is None)),
    )
    # gcloud takes a value for what is a secret only once that is gone
    first = ",".join(one.name for one in found if _was_secret(one) and _becomes_value(one))
    return (
        *((f"{update} --remove-secrets {first} --no-traffic {place}",) if first else ()),
        f"{update} {_joined(options)} {_revision(state, SETTINGS)} {place}",
        _traffic(state, SETTINGS, place),
    )


def _listed(values: Sequence[str]) -> str:
    """Return a list as gcloud reads it, whatever is in its values."""
    separator = next((one for one in _SEPARATORS if not any(one in value for value in values)), _SEPARATORS[-1])
    return f"^{separator}^{separator.join(values)}"


def _was_value(change: Change) -> bool:
    return change.before is not None and change.before.secret is None


def _was_secret(change: Change) -> bool:
    return change.before is not None and change.before.secret is not None


def _becomes_value(change: Change) -> bool:
    return change.after is not None and change.after.secret is None


def _joined(options: Iterable[tuple[str, object]]) -> str:
    return " ".join(f"{name} {value}" for name, value in options if value)


def _revision(state: ServiceState, kind: str) -> str:
    suffix = state.attempt(kind).name.removeprefix(f"{state.name}-")
    return f"--revision-suffix {suffix} --no-traffic --tag {state.tag(kind)}"


def _traffic(state: ServiceState, kind: str, place: str) -> str:
    name = state.attempt(kind).name
    return f"gcloud run services update-traffic {state.name} --to-revisions {name}=100 {place}"


def _curl(state: ServiceState) -> str:
    account, audience = state.service.service_account, state.service.audience
    token = f"gcloud auth print-identity-token --impersonate-service-account={account} --audiences={audience}"
    return f'curl -H @<(echo "Authorization: Bearer $({token} --include-email)")'  # the token is no word of a process
