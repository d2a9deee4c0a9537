"""A release of the first bundle, from the baseline to its target."""

from __future__ import annotations

import re

import pytest
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.services.operate.audit import audit_entries
from quant_platform_kit.services.record.leases import lease_at
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, bundle_text
from quant_release.inspect.drift import drifts
from quant_release.inspect.preview import plan
from quant_release.inspect.status import read_status
from quant_release.repository.pins import read_pins
from quant_release.repository.workspace import read_workspace
from quant_release.run.apply import Watching, abandon, apply
from quant_release.run.journal import Journal, RunRecord
from quant_release.run.locks import LEASE
from quant_release.run.opening import Options, read_release
from quant_release.steps.table import TABLE
from quant_release.testing.rehearsal import Rehearsal

pytestmark = pytest.mark.services

APPS = ("ibkr", "schwab", "longbridge")


def test_the_first_bundle_goes_from_the_baseline_to_its_target(rehearsal: Rehearsal, options: Options) -> None:
    before = rehearsal.origin.commit("main")
    run = apply(options, BUNDLE)
    log = list(reversed(rehearsal.origin.log(before, "main")))
    assert [text for _, text, _ in log] == [
        "Prepare v0.7.10 release",
        "Prepare v0.7.13 release",
        *["Bump shared strategy package pins"] * 3,
    ]
    assert [set(paths) for _, _, paths in log] == [
        {"packages/quant_platform_kit/pyproject.toml", f"docs/history/{KIT}.md", "uv.lock"},
        {"packages/us_equity_strategies/pyproject.toml", f"docs/history/{STRATEGIES}.md", "uv.lock"},
        *({f"apps/{app}/requirements.txt"} for app in APPS),
    ]
    tags = rehearsal.origin.tags()
    assert tags[f"{KIT}-v0.7.10"] == log[0][0]
    assert tags[f"{STRATEGIES}-v0.7.13"] == log[1][0]
    assert rehearsal.git.changed() == []
    strategies = read_workspace(rehearsal.origin, f"{STRATEGIES}-v0.7.13").packages[STRATEGIES]
    assert str(strategies.requires[KIT]) == "0.7.10"
    assert str(strategies.references[KIT]) == (
        f"{KIT} @ git+file://{rehearsal.origin.root}@{KIT}-v0.7.10#subdirectory=packages/quant_platform_kit"
    )
    check_pins(rehearsal)
    check_images(rehearsal)
    check_journal(rehearsal, run)
    apply(options, BUNDLE)
    assert (rehearsal.origin.commit("main"), len(rehearsal.log_of("docker"))) == (log[-1][0], 3)


def check_pins(rehearsal: Rehearsal) -> None:
    """Check that every app is pinned to both tags of the origin."""
    for app in APPS:
        path = f"apps/{app}/requirements.txt"
        pins = read_pins(rehearsal.origin.read("main", [path])[path] or b"", path)
        assert [str(pin) for pin in pins.values()] == [
            f"{KIT}[gcp,web] @ git+file://{rehearsal.origin.root}@{KIT}-v0.7.10#subdirectory=packages/quant_platform_kit",
            f"{STRATEGIES} @ git+file://{rehearsal.origin.root}@{STRATEGIES}-v0.7.13"
            "#subdirectory=packages/us_equity_strategies",
        ]


def check_images(rehearsal: Rehearsal) -> None:
    """Check that each image was built once, from the published commit of its app."""
    built = [line.partition(":")[2] for line in rehearsal.log_of("docker")]
    assert built == [rehearsal.origin.last_touching("main", f"apps/{app}") for app in APPS]
    images = Journal(open_store(rehearsal.store), "ana").images()
    assert [image.app for image in images] == list(APPS)
    assert all("@sha256:" in image.reference for image in images)


def check_journal(rehearsal: Rehearsal, run: RunRecord) -> None:
    """Check that the journal tells who did what, and that nobody holds the lease."""
    store = open_store(rehearsal.store)
    journal = Journal(store, "bob")
    assert [(one.who, one.bundle) for one in journal.runs()] == [("ana", BUNDLE)]
    events = journal.events(run.run)
    assert [event.what for event in events] == ["begins", "ended"] * (10 + 12 + 3) + ["finished"]
    assert [(entry.who, entry.command) for entry in audit_entries(store)] == [("ana", "release apply")]
    lease = lease_at(store, LEASE)
    assert lease is not None
    assert (lease.expires_at, lease.open_run) == (None, None)


def test_a_plan_names_every_step_and_changes_nothing(rehearsal: Rehearsal, options: Options) -> None:
    there, here = rehearsal.origin.commit("main"), rehearsal.git.commit()
    release = read_release(options, BUNDLE)
    steps = plan(release.executor, release.subjects)
    assert [step.step for step in steps] == [
        *["preflight", "bump", "commit", "tag", "push"] * 2,
        *["pin", "test", "commit-pins", "push-pins"] * 3,
        *["image"] * 3,
    ]
    assert '+version = "0.7.10"' in steps[1].diff
    assert "git push --atomic origin HEAD quant-platform-kit-v0.7.10" in steps[4].commands
    assert (rehearsal.origin.commit("main"), rehearsal.git.commit(), rehearsal.git.changed()) == (there, here, [])


def test_a_plan_says_what_apply_then_does(rehearsal: Rehearsal, options: Options) -> None:
    release = read_release(options, BUNDLE)
    planned = [(step.step, step.subject) for step in plan(release.executor, release.subjects)]
    done: list[tuple[str, str]] = []
    apply(
        options,
        BUNDLE,
        watching=Watching(lambda what, row, on: done.append((row.step, str(on))) if what == "ended" else None),
    )
    assert done == planned


def test_a_release_stops_after_the_step_that_until_names_and_resumes(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE, until=f"push:{KIT}")
    assert f"{KIT}-v0.7.10" in rehearsal.origin.tags()
    assert f"{STRATEGIES}-v0.7.13" not in rehearsal.origin.tags()
    apply(options, BUNDLE, resume=True)
    assert f"{STRATEGIES}-v0.7.13" in rehearsal.origin.tags()


def test_until_names_steps_and_subjects_that_exist(options: Options) -> None:
    with pytest.raises(InvalidInput, match="there is no step 'no-such-step'; known: preflight"):
        apply(options, BUNDLE, until="no-such-step")
    with pytest.raises(InvalidInput, match="there is no step ''"):
        apply(options, BUNDLE, until="")
    with pytest.raises(InvalidInput, match="push has no subject 'numpy'; the bundle has: quant-platform-kit"):
        apply(options, BUNDLE, until="push:numpy")


def test_unrelated_edits_stay_and_are_not_published(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.write("README.md", "An edit that has nothing to do with it.\n")
    lock = (rehearsal.root / "uv.lock").read_text().replace("1.17.0", "1.18.0")
    rehearsal.write("uv.lock", lock)
    apply(options, BUNDLE, until=f"push:{STRATEGIES}")
    assert rehearsal.git.changed() == ["README.md", "uv.lock"]
    assert b"1.17.0" in (rehearsal.origin.read("main", ["uv.lock"])["uv.lock"] or b"")
    left = (rehearsal.root / "uv.lock").read_text()
    assert "1.18.0" in left
    assert 'name = "quant-platform-kit"\nversion = "0.7.10"' in left


def test_tests_that_fail_stop_the_release_before_its_first_commit(rehearsal: Rehearsal, options: Options) -> None:
    (rehearsal.tools / "tests-fail").touch()
    here = rehearsal.git.commit()
    with pytest.raises(Exception, match="pytest"):
        apply(options, BUNDLE)
    assert (rehearsal.git.commit(), rehearsal.git.changed()) == (here, [])
    (rehearsal.tools / "tests-fail").unlink()
    apply(options, BUNDLE, until=f"push:{KIT}", resume=True)


def test_tests_that_passed_do_not_count_for_a_package_that_changed_since(
    rehearsal: Rehearsal, options: Options
) -> None:
    apply(options, BUNDLE, until="preflight:quant-platform-kit")
    rehearsal.commit("packages/quant_platform_kit/src/quant_platform_kit/new.py", "x = 1\n")
    rehearsal.git.push()
    checks = rehearsal.log_of("uv").count(
        "build --quiet --wheel --no-sources packages/quant_platform_kit --out-dir wheels"
    )
    apply(options, BUNDLE, until="push:quant-platform-kit", resume=True)
    again = rehearsal.log_of("uv").count(
        "build --quiet --wheel --no-sources packages/quant_platform_kit --out-dir wheels"
    )
    assert (checks, again) == (1, 2)


@pytest.mark.parametrize(
    "until", [f"{row.step}:{KIT}" for row in TABLE if row.scope.value == "package" and row.step != "push"]
)
def test_what_was_not_published_can_be_taken_back(rehearsal: Rehearsal, options: Options, until: str) -> None:
    here = rehearsal.git.commit()
    rehearsal.write("README.md", "An edit that has nothing to do with it.\n")
    apply(options, BUNDLE, until=until)
    abandon(options, BUNDLE)
    assert (rehearsal.git.commit(), rehearsal.git.changed()) == (here, ["README.md"])
    assert f"{KIT}-v0.7.10" not in rehearsal.git.tags()
    with pytest.raises(Refused, match="nothing to take back"):
        abandon(options, BUNDLE)
    apply(options, BUNDLE, until=f"push:{KIT}")
    assert f"{KIT}-v0.7.10" in rehearsal.origin.tags()


def test_a_bump_that_was_interrupted_is_taken_back_and_an_edit_by_hand_stays(
    rehearsal: Rehearsal, options: Options
) -> None:
    apply(options, BUNDLE, until=f"preflight:{KIT}")
    manifest = "packages/quant_platform_kit/pyproject.toml"
    text = (rehearsal.root / manifest).read_text()
    rehearsal.write(manifest, text.replace("0.7.8", "0.7.10"))
    rehearsal.write(f"docs/history/{KIT}.md", "Edited by hand.\n")
    abandon(options, BUNDLE)
    assert rehearsal.git.changed() == [f"docs/history/{KIT}.md"]
    assert (rehearsal.root / manifest).read_text() == text


def test_abandoning_leaves_what_somebody_else_staged(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE, until=f"bump:{KIT}")
    rehearsal.write("README.md", "Staged meanwhile.\n")
    rehearsal.git.run("add", "README.md")
    abandon(options, BUNDLE)
    assert (rehearsal.git.staged(), rehearsal.git.changed()) == (["README.md"], ["README.md"])


def test_a_tag_that_is_public_is_not_taken_back(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE, until=f"tag:{KIT}")
    rehearsal.git.run("push", "--quiet", "origin", f"{KIT}-v0.7.10")
    with pytest.raises(Refused, match="is at the origin; what is published stays: push its commit, too"):
        abandon(options, BUNDLE)
    assert f"{KIT}-v0.7.10" in rehearsal.git.tags()


def test_a_release_that_is_beyond_the_step_to_stop_at_takes_no_other(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE, until=f"commit:{KIT}")
    apply(options, BUNDLE, until=f"preflight:{KIT}", resume=True)
    assert f"{KIT}-v0.7.10" not in rehearsal.git.tags()


@pytest.mark.parametrize("until", ["pin:ibkr", "test:ibkr", "commit-pins:ibkr"])
def test_pins_that_were_not_published_can_be_taken_back_and_published_packages_stay(
    rehearsal: Rehearsal, options: Options, until: str
) -> None:
    apply(options, BUNDLE, until=until)
    left = abandon(options, BUNDLE)
    assert left[:3] == [f"package {KIT} published", f"package {STRATEGIES} published", "app ibkr start"]
    assert rehearsal.git.commit() == rehearsal.origin.commit("main")
    assert rehearsal.git.changed() == []


def test_a_version_that_was_committed_by_hand_is_tested_and_tagged_without_another_commit(
    rehearsal: Rehearsal, options: Options
) -> None:
    for folder, name, version in (
        ("quant_platform_kit", KIT, "0.7.10"),
        ("us_equity_strategies", STRATEGIES, "0.7.13"),
    ):
        manifest = rehearsal.root / f"packages/{folder}/pyproject.toml"
        history, lock = rehearsal.root / f"docs/history/{name}.md", rehearsal.root / "uv.lock"
        old = "0.7.8" if name == KIT else "0.7.11"
        text = manifest.read_text().replace(f'"{old}"', f'"{version}"')
        manifest.write_text(text.replace(f"{KIT}-v0.7.8", f"{KIT}-v0.7.10"))
        lock.write_text(lock.read_text().replace(f'"{old}"', f'"{version}"'))
        history.write_text(history.read_text().replace("## Unreleased", f"## {version} - 2026-01-03", 1))
    rehearsal.git.run("commit", "--quiet", "--all", "--message", "Versions by hand")
    rehearsal.git.push()
    commit = rehearsal.git.commit()
    apply(options, BUNDLE, until=f"push:{STRATEGIES}")
    assert (rehearsal.git.commit(), rehearsal.origin.commit("main")) == (commit, commit)
    tags = rehearsal.origin.tags()
    assert tags[f"{KIT}-v0.7.10"] == tags[f"{STRATEGIES}-v0.7.13"] == commit
    abandon(options, BUNDLE)
    assert rehearsal.git.commit() == commit
    assert len([line for line in rehearsal.log_of("uv") if line.startswith("build")]) == 2


def test_apps_go_forth_to_tags_that_name_each_other_and_back_to_one_that_has_a_version(
    rehearsal: Rehearsal, options: Options
) -> None:
    manifest = "packages/us_equity_strategies/pyproject.toml"
    text = (rehearsal.root / manifest).read_text().replace('"0.7.11"', '"0.7.12"')
    rehearsal.commit(manifest, re.sub(r" @ git[^\"]+", "==0.7.8", text))
    rehearsal.git.tag(f"{STRATEGIES}-v0.7.12", "HEAD", "as it was done before")
    rehearsal.git.push(f"{STRATEGIES}-v0.7.12")
    apply(options, BUNDLE)
    rehearsal.commit(
        "release/bundles/wrong.toml", bundle_text("0.7.10", "0.7.12", "rollback = true").replace(BUNDLE, "wrong")
    )
    rehearsal.commit(
        "release/bundles/back.toml", bundle_text("0.7.8", "0.7.12", "rollback = true").replace(BUNDLE, "back")
    )
    rehearsal.git.push()
    with pytest.raises(Refused, match=r"0\.7\.12 was released for quant-platform-kit 0\.7\.8, the bundle has 0\.7\.10"):
        apply(options, "wrong")
    apply(options, "back")
    status = read_status(rehearsal.root)
    assert {tuple(app["pins"].values()) for app in status["apps"]} == {("0.7.8", "0.7.12")}
    assert {one["kind"] for one in status["mismatches"]} == {"behind"}


def test_a_rollback_pins_earlier_tags_and_releases_no_package(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE)
    text = bundle_text("0.7.8", "0.7.11", "rollback = true").replace(BUNDLE, "back")
    rehearsal.commit("release/bundles/back.toml", text)
    rehearsal.git.push()
    tags = rehearsal.origin.tags()
    apply(options, "back")
    assert rehearsal.origin.tags() == tags
    assert b"us-equity-strategies-v0.7.11" in (rehearsal.git.root / "apps/ibkr/requirements.txt").read_bytes()


def test_drift_is_seen_where_a_tag_a_pin_or_an_image_moved(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE)
    assert drifts(read_release(options, BUNDLE)) == []
    rehearsal.origin.run("tag", "--force", f"{KIT}-v0.7.10", "main")
    rehearsal.commit("apps/ibkr/requirements.txt", "# nothing\n")
    rehearsal.git.push()
    for image in (rehearsal.tools / "images").glob("*schwab*"):
        image.write_text("sha256:" + "0" * 64)
    found = {one.subject: one.found for one in drifts(read_release(options, BUNDLE))}
    assert found.keys() == {f"package {KIT}", "app ibkr", "image registry.invalid/rehearsal/schwab"}
    assert found["app ibkr"] == "no pins"
