"""Workloads are rolled by digest, one after the other; what they run decides where a release stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput, QuantError, Refused
from quant_release.cloud.world import Terms
from quant_release.demo.baseline import BUNDLE
from quant_release.inspect.drift import drifts
from quant_release.inspect.overall import read_overall
from quant_release.inspect.preview import preview
from quant_release.inspect.verified import verify
from quant_release.run.apply import abandon, apply, switch
from quant_release.run.journal import Journal
from quant_release.run.opening import read_release
from quant_release.run.rollback import rollback
from quant_release.steps.machine import StepFailed
from quant_release.testing.clusters import Cluster
from quant_release.testing.rehearsal import Rehearsal
from quant_release.testing.rolled import (
    BEFORE,
    COMPOSE,
    COMPOSED,
    FOREIGN,
    NAMES,
    PLACES,
    REPOSITORY,
    Rolled,
    make_rolled,
)

pytestmark = pytest.mark.services
FIRST, SECOND, THIRD = PLACES


def built(rolled: Rolled) -> str:
    """Return the image that the release has built."""
    (image,) = Journal(open_store(rolled.rehearsal.store), "ana").images()
    return image.reference


def texts(rolled: Rolled) -> list[str]:
    return [one.text for one in drifts(read_release(rolled.options, BUNDLE))]


def test_workloads_are_rolled_in_the_order_of_the_bundle_by_digest(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, resume=True)
    image = built(rolled)
    assert image.startswith(f"{REPOSITORY}@sha256:")
    assert rolled.cluster.given() == {name: [image] if name in PLACES else [] for name in rolled.cluster.told()}
    changing = [line for line in rolled.cluster.calls() if " set " in line or " rollout " in line]
    assert changing == [
        line
        for name in NAMES
        for line in (
            f"kubectl --namespace events set image {name} service={image}",
            f"kubectl --namespace events rollout status {name} --timeout 1s",
        )
    ]
    assert all(one.done for one in verify(read_release(rolled.options, BUNDLE)))
    assert texts(rolled) == []


def test_a_release_of_what_runs_already_sets_nothing(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, resume=True)
    apply(rolled.options, BUNDLE)
    assert {len(given) for name, given in rolled.cluster.given().items() if name in PLACES} == {1}


def test_one_that_does_not_become_ready_goes_back_and_those_after_it_stay(rolled: Rolled) -> None:
    image = built(rolled)
    rolled.cluster.edit(SECOND, broken=[image.partition("@")[2]])
    with pytest.raises(StepFailed) as error:
        apply(rolled.options, BUNDLE, resume=True)
    said = str(error.value)
    assert said.startswith(
        f"roll of workload events/{NAMES[1]}: it did not become ready with {image} within 0.2 s (0 of"
    )
    assert f"it was given {BEFORE} again, which is ready; the workloads after it were not touched" in said
    assert "look: kubectl --namespace events describe statefulset/executor" in said
    assert f"live now: {BEFORE}, ready; type: release apply {BUNDLE} --resume, or release rollback" in said
    assert said.endswith("--service events")
    assert [rolled.cluster.given()[name] for name in PLACES] == [[image], [image, BEFORE], []]
    rolled.cluster.edit(SECOND, broken=[])
    apply(rolled.options, BUNDLE, resume=True)
    assert [rolled.cluster.given()[name] for name in PLACES] == [[image], [image, BEFORE, image], [image]]


def test_one_that_is_ready_with_neither_says_so(rolled: Rolled) -> None:
    rolled.cluster.edit(FIRST, broken=["sha256:", *(f"{one}" for one in "0123456789abcdef")])
    with pytest.raises(StepFailed, match=r"again, which is not ready either \(0 of 1 ready\)"):
        apply(rolled.options, BUNDLE, resume=True)
    assert rolled.cluster.given()[SECOND] == []


def test_workloads_of_compose_are_rolled_and_taken_back(rehearsal: Rehearsal) -> None:
    rolled = make_rolled(rehearsal, COMPOSE)
    release = read_release(rolled.options, BUNDLE)
    last = preview(release.executor, release.subjects).steps[-1]
    assert last.diff == f"~image {BEFORE} -> the one that this release builds"
    assert last.commands[0].startswith(f"RELAY_IMAGE={REPOSITORY}@DIGEST docker compose --project-name futures --file")
    rolled.cluster.change(lambda world: world.update(late=1))
    apply(replace(rolled.options, terms=Terms(timeout=10)), BUNDLE)
    image = built(rolled)
    assert [rolled.cluster.given()[f"futures {name}"] for name in COMPOSED] == [[image], [image]]
    rollback(replace(rolled.options, terms=Terms(timeout=10)), BUNDLE)
    assert {rolled.cluster.told()[f"futures {name}"] for name in COMPOSED} == {BEFORE}


def test_a_pod_by_a_tag_is_known_by_what_its_node_says(rolled: Rolled) -> None:
    tagged = f"{REPOSITORY}:v1"
    rolled.cluster.edit(FIRST, told=tagged, runs=[tagged], node=BEFORE)
    apply(rolled.options, BUNDLE, resume=True)
    rollback(rolled.options, BUNDLE)
    assert rolled.cluster.told()[FIRST] == BEFORE


# --- back ----------------------------------------------------------------------------------------


def test_a_rollback_takes_workloads_back_to_what_was_noted_and_then_the_pins(rolled: Rolled) -> None:
    requirements = "apps/relay/requirements.txt"
    rolled.rehearsal.commit("docs/other.md", "Another.\n")
    rolled.rehearsal.git.push()
    apply(rolled.options, BUNDLE, resume=True)
    run = rollback(rolled.options, BUNDLE)
    assert run.command == "rollback"
    assert [rolled.cluster.told()[name] for name in PLACES] == [BEFORE] * 3
    assert rolled.rehearsal.origin.read("main", [requirements])[requirements] is not None
    assert texts(rolled) == []


def test_a_release_that_stopped_is_rolled_back_also_where_it_was_in_the_middle(rolled: Rolled) -> None:
    image = built(rolled)
    rolled.cluster.edit(SECOND, broken=[image.partition("@")[2], BEFORE])
    with pytest.raises(StepFailed):
        apply(rolled.options, BUNDLE, resume=True)
    rolled.cluster.edit(SECOND, broken=[], told=image, runs=[image])
    rollback(rolled.options, BUNDLE)
    assert [rolled.cluster.told()[name] for name in PLACES] == [BEFORE] * 3
    assert rolled.cluster.given()[THIRD] == []


def test_a_rollback_of_what_somebody_moved_since_is_refused_before_anything(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, resume=True)
    rolled.cluster.edit(SECOND, told=FOREIGN, runs=[FOREIGN])
    with pytest.raises(Refused, match=f"given {FOREIGN}, which is not of the run that is rolled back: look first"):
        rollback(rolled.options, BUNDLE)
    assert rolled.cluster.told()[FIRST] == built(rolled)


def test_a_rollback_that_does_not_become_ready_keeps_what_it_went_to(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, resume=True)
    rolled.cluster.edit(FIRST, broken=[BEFORE])
    with pytest.raises(StepFailed, match=r"which it keeps;.*type: release rollback first-bundle --resume"):
        rollback(rolled.options, BUNDLE)
    assert rolled.cluster.told()[FIRST] == BEFORE
    rolled.cluster.edit(FIRST, broken=[], ready=True)
    rollback(rolled.options, BUNDLE, resume=True)
    assert [rolled.cluster.told()[name] for name in PLACES] == [BEFORE] * 3


def test_abandon_gives_back_what_a_roll_had_begun_and_leaves_what_was_rolled(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, until=f"roll:events/{NAMES[0]}", resume=True)
    image = built(rolled)
    call = len([line for line in rolled.cluster.calls()])
    assert call
    rolled.cluster.fail(8, "fail")
    with pytest.raises(QuantError, match="connection refused"):
        apply(rolled.options, BUNDLE, resume=True)
    left = abandon(rolled.options, BUNDLE)
    assert f"workload events/{NAMES[0]} rolled" in left
    assert rolled.cluster.told()[FIRST] == image
    assert rolled.cluster.told()[SECOND] == rolled.cluster.told()[THIRD] == BEFORE
    rollback(rolled.options, BUNDLE)
    assert [rolled.cluster.told()[name] for name in PLACES] == [BEFORE] * 3


def test_a_switch_of_a_roll_is_refused(rolled: Rolled) -> None:
    abandon(rolled.options, BUNDLE)
    with pytest.raises(InvalidInput, match="--service events: bundle first-bundle moves none of that name"):
        switch(replace(rolled.options, services=("events",)), BUNDLE)


# --- guards, and programs that fail --------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda cluster: cluster.change(lambda world: world["workloads"].pop(SECOND)), "executor is not there: Error"),
        (lambda cluster: cluster.edit(SECOND, runs=[BEFORE, FOREIGN]), f"it runs {BEFORE} and {FOREIGN}: only what"),
        (lambda cluster: cluster.edit(SECOND, told="relay:v1", runs=["relay:v1"]), "it runs relay@no digest: only"),
        (lambda cluster: cluster.edit(SECOND, runs=[]), "it runs nothing: only what is one image by digest"),
    ],
)
def test_what_cannot_be_noted_is_refused_before_anything_is_done(
    rolled: Rolled, how: Callable[[Cluster], None], said: str
) -> None:
    how(rolled.cluster)
    head = rolled.rehearsal.git.commit()
    with pytest.raises(Refused, match=f"note of workload events/statefulset/executor: .*{said}"):
        apply(rolled.options, BUNDLE, resume=True)
    assert (rolled.rehearsal.git.commit(), rolled.cluster.given()[FIRST]) == (head, [])
    found = preview(read_release(rolled.options, BUNDLE).executor, read_release(rolled.options, BUNDLE).subjects)
    assert any(said in text for text in found.refusals)


def test_what_somebody_gave_a_workload_since_it_was_noted_stays(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, until=f"note:events/{NAMES[0]}", resume=True)
    rolled.cluster.edit(FIRST, told=FOREIGN, runs=[FOREIGN])
    with pytest.raises(Refused, match=f"roll of workload .*: somebody gave it {FOREIGN} since this release noted it"):
        apply(rolled.options, BUNDLE, resume=True)
    assert rolled.cluster.given()[FIRST] == []
    abandon(rolled.options, BUNDLE)
    assert rolled.cluster.told()[FIRST] == FOREIGN


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fail", "failed with 1: Unable to connect to the server"),
        ("fail-after", "failed with 1: .*the answer was lost"),
        ("nonsense", "said what cannot be read"),
        ("empty", "said what cannot be read"),
        ("hang", "took longer than 0:00:00.300000; it was ended"),
    ],
)
def test_a_program_that_fails_hangs_or_talks_nonsense_is_one_line_and_a_resume_goes_on(
    rolled: Rolled, what: str, said: str
) -> None:
    rolled.cluster.fail(2 if what == "empty" else 1, what)
    asking = 0.3 if what == "hang" else rolled.options.terms.asking  # a machine that is busy answers late
    with pytest.raises(QuantError, match=said) as error:
        apply(replace(rolled.options, terms=Terms(timeout=0.2, asking=asking)), BUNDLE, resume=True)
    assert "\n" not in str(error.value)
    apply(rolled.options, BUNDLE, until=f"roll:events/{NAMES[0]}", resume=True)
    assert rolled.cluster.given()[FIRST] == [built(rolled)]


# --- what is shown -------------------------------------------------------------------------------


def test_drift_is_one_line_for_each_workload_that_runs_something_else(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, resume=True)
    image = built(rolled)
    for place, name in zip(PLACES, NAMES, strict=True):
        rolled.cluster.edit(place, told=FOREIGN, runs=[FOREIGN])
        assert texts(rolled) == [f"workload events/{name}: the release left {image}, and there is {FOREIGN}"]
        rolled.cluster.edit(place, told=image, runs=[image])
    rolled.cluster.fail(1, "nonsense")
    (said,) = texts(rolled)
    assert said.startswith(
        f"workload events/{NAMES[0]}: the release left {image}, and there is one that cannot be read"
    )


def test_verify_says_what_a_workload_lacks(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, resume=True)
    rolled.cluster.edit(SECOND, told=FOREIGN, runs=[FOREIGN], ready=False)
    (found,) = (one for one in verify(read_release(rolled.options, BUNDLE)) if not one.done)
    assert found.missing == (f"it runs {FOREIGN} instead of {built(rolled)}", "it is not ready: 0 of 1 ready")
    rolled.cluster.fail(1, "fail")
    unread = verify(read_release(rolled.options, BUNDLE))[-3]
    assert (unread.stage, unread.missing[0].startswith("cannot be read: kubectl")) == (None, True)


def test_status_shows_every_workload_and_what_does_not_fit(rolled: Rolled) -> None:
    apply(rolled.options, BUNDLE, resume=True)
    status = read_overall(rolled.options, BUNDLE)
    shown = {one.name: (one.image, one.unready, one.error) for one in status["workloads"]}
    assert shown == {f"events/{name}": (built(rolled), None, None) for name in NAMES}
    assert all(one.commit for one in status["workloads"])
    rolled.cluster.edit(FIRST, told=FOREIGN, runs=[FOREIGN], ready=False)
    rolled.cluster.edit(SECOND, runs=[BEFORE, FOREIGN])
    found = [(one["kind"], one["subject"]) for one in read_overall(rolled.options, BUNDLE)["mismatches"]]
    assert [one for one in found if one[1].startswith("events/")] == [
        ("image", f"events/{NAMES[0]}"),
        ("ready", f"events/{NAMES[0]}"),
        ("running", f"events/{NAMES[1]}"),
    ]


def test_a_plan_shows_the_commands_and_the_image_of_each_workload(rolled: Rolled) -> None:
    release = read_release(rolled.options, BUNDLE)
    steps = [one for one in preview(release.executor, release.subjects).steps if one.subject.startswith("workload")]
    assert [one.step for one in steps] == ["note", "roll"] * 3
    assert steps[1].commands == (
        f"kubectl --namespace events set image {NAMES[0]} service={built(rolled)}",
        f"kubectl --namespace events rollout status {NAMES[0]} --timeout 1s",
    )
    assert steps[1].diff == f"~image {BEFORE} -> {built(rolled)}"
