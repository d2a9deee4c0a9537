"""Services of the first bundle, cut over while the scheduler fires: one deploy goes wrong, one service goes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quant_platform_kit.domain.errors import QuantError

from quant_release.demo.baseline import BUNDLE, TARGET, pinned
from quant_release.demo.services import Services
from quant_release.demo.venues import text_of
from quant_release.demo.witness import Mark, Witness
from quant_release.inspect.drift import drifts
from quant_release.inspect.verified import verify
from quant_release.repository.versions import Version, tag_name
from quant_release.run.apply import Watching, apply
from quant_release.run.journal import StepListener
from quant_release.run.opening import read_release
from quant_release.run.rollback import rollback
from quant_release.steps.machine import StepFailed

__all__ = ["cut_over"]

Say = Callable[[str], None]
FAILING, GOES_BACK = "schwab-service", "longbridge-hk"
_PACE = 1.0


def cut_over(services: Services, say: Say, tell: Say, listener: StepListener) -> None:
    """Go on with a release whose images are built, through its services.

    Parameters
    ----------
    say, tell
        Show a headline, and a line.

    Raises
    ------
    StepFailed
        A service traded while it was held, or not exactly once when it was opened, or is not what it has to be.
    """
    with services.triggers(_PACE) as triggers:
        witness = Witness(services, triggers, listener)
        watching = Watching(witness)
        say("The scheduler fires every job every second:")
        for name in services.apps:
            tell(f"{name:15} enters: {text_of(witness.traded_once(name, Mark(0.0, ())))}")
        say(f"The services, one after the other; the first deploy of {FAILING} goes wrong:")
        services.cloud.run.fault("start_fails", service=FAILING)
        _expect_failure(lambda: apply(services.options(), BUNDLE, resume=True, watching=watching), tell)
        say("release apply --resume:")
        apply(services.options(), BUNDLE, resume=True, watching=watching)
        for name in services.apps:
            _show_move(witness, name, tell)
        _require_finished(services)
        for name in services.apps:
            _show_version(services, name, TARGET, tell)
        say(f"release rollback --service {GOES_BACK}:")
        rollback(services.options(GOES_BACK), BUNDLE, watching=watching)
        _show_move(witness, GOES_BACK, tell)
        for name, app in services.apps.items():
            _show_version(services, name, pinned(app) if name == GOES_BACK else TARGET, tell)


def _expect_failure(action: Callable[[], object], tell: Say) -> None:
    try:
        action()
    except QuantError as error:
        tell(f"release: {error}")
    else:
        raise StepFailed(f"the deploy of {FAILING} was to fail, and did not")


def _show_move(witness: Witness, service: str, tell: Say) -> None:
    """Show how a service was held and opened."""
    firings, seconds = witness.while_held(service), witness.seconds_held(service)
    tell(
        f"{service:15} held for {seconds:.0f} s, triggered {len(firings)} times meanwhile: 0 orders at the venue; once "
        f"open, the next slot trades: {text_of(witness.traded_once(service))}; no later one does"
    )


def _require_finished(services: Services) -> None:
    """Make sure that every subject is at its end, and that nothing has moved since."""
    release = read_release(services.options(), BUNDLE)
    behind = [f"{one.subject}: {'; '.join(one.missing)}" for one in verify(release) if not one.done]
    if found := [*behind, *(one.text for one in drifts(release))]:
        raise StepFailed(f"the release is finished, and yet: {'; '.join(found)}")


def _show_version(services: Services, service: str, versions: Mapping[str, str], tell: Say) -> None:
    """Show which packages a service says it runs; they have to be those of tags at the origin."""
    tags, said = services.git.tags(), services.version(service)
    for package, version in versions.items():
        commit, found = tags[tag_name(package, Version.read(version))], said["packages"][package]
        if (found["version"], found["commit"]) != (version, commit):
            raise StepFailed(f"{service} has {package} {found}, and not {version} of commit {commit}")
    packages = ", ".join(f"{name} {said['packages'][name]['version']}" for name in versions)
    tell(f"{service:15} {said['profile']}, {packages}, of their tags' commits, in revision {said['revision']}")
