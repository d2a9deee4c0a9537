"""A member of a release without ``platform.toml``: pinned, tested, built and recorded; nothing runs a profile on it."""

from __future__ import annotations

import pytest
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import InvalidInput
from quant_release.bundle import Service, check_bundle, find_bundle, is_of_platform, read_bundle, service_problems
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, bundle_text
from quant_release.inspect.overall import read_overall
from quant_release.inspect.verified import verify
from quant_release.repository.pins import read_pins
from quant_release.repository.workspace import read_workspace
from quant_release.run.apply import apply
from quant_release.run.journal import Journal
from quant_release.run.opening import Options, read_release
from quant_release.testing.rehearsal import Rehearsal

JOB, RELAY = "night_jobs", "relay"
PROJECT = """\
[project]
name = "{name}"
version = "0.0.0"
dependencies = [{dependencies}]

[dependency-groups]
test = ["pytest"]

[tool.release]
"""
DOCKERFILE = 'FROM scratch\nARG COMMIT_SHA="unknown"\nARG PINS="unknown"\n'
IMAGE = """
[services.{name}]
platform = "{platform}"
region = "europe-west1"
project = "rehearsal"
image = "registry.invalid/rehearsal/{name}"
"""


def bundle(lines: str = "") -> str:
    """Return a bundle of both members, with more lines for the job."""
    head = (
        bundle_text().partition("\n[services.")[0].replace('"ibkr", "schwab", "longbridge"', f'"{JOB}", "{RELAY}"', 1)
    )
    job = IMAGE.format(name="night-jobs", platform=JOB) + lines
    return head + IMAGE.format(name="relay", platform=RELAY) + job


@pytest.fixture
def members(rehearsal: Rehearsal) -> Rehearsal:
    """Return the workspace with a job at the top and an app without a platform, which pins the kit alone."""
    for folder, name, dependencies in (
        (JOB, "night-jobs", f'"{KIT}", "{STRATEGIES}"'),
        (f"apps/{RELAY}", "relay-app", f'"{KIT}[web]"'),
    ):
        rehearsal.write(f"{folder}/pyproject.toml", PROJECT.format(name=name, dependencies=dependencies))
        rehearsal.write(f"{folder}/Dockerfile", DOCKERFILE)
        rehearsal.write(f"{folder}/tests/test_it.py", "def test_it(): pass\n")
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle())
    rehearsal.git.run("add", "--all")
    rehearsal.git.commit_staged("Two members more")
    rehearsal.git.push()
    return rehearsal


def test_members_without_a_platform_are_pinned_tested_built_and_recorded(members: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE)

    folders = {JOB: JOB, RELAY: f"apps/{RELAY}"}
    pinned: dict[str, list[str]] = {}
    for name, folder in folders.items():
        path = f"{folder}/requirements.txt"
        pinned[name] = [pin.tag for pin in read_pins(members.origin.read("main", [path])[path] or b"", path).values()]
    assert pinned == {JOB: [f"{KIT}-v0.7.10", f"{STRATEGIES}-v0.7.13"], RELAY: [f"{KIT}-v0.7.10"]}
    images = {image.app: image for image in Journal(open_store(members.store), "ana").images()}
    assert images.keys() == {JOB, RELAY}
    for name, folder in folders.items():
        assert images[name].commit == members.origin.last_touching("main", folder)
        assert "@sha256:" in images[name].reference
    installs = [line for line in members.log_of("uv") if line.startswith("pip install")]
    assert sum(f"-r {JOB}/requirements.txt ./{JOB}" in line for line in installs) == 1
    release = read_release(options, BUNDLE)
    assert all(one.done for one in verify(release))
    assert f"app {JOB}" in [str(subject) for subject in release.subjects]


def test_status_shows_the_pins_of_members_and_asks_for_no_service_of_theirs(
    members: Rehearsal, options: Options
) -> None:
    apps = {one["name"]: one for one in read_overall(options, BUNDLE)["apps"]}
    assert apps[JOB] == {"name": JOB, "requirements": f"{JOB}/requirements.txt", "pins": None}
    assert apps[RELAY]["requirements"] == f"apps/{RELAY}/requirements.txt"
    assert not read_workspace(members.git, "HEAD").apps[JOB].is_service


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('profile = "dual_momentum"\n', "profile"),
        ('schedule = "nightly"\n', "schedule"),
        ("live = true\n", "live"),
        ('flags = { MAX_WEIGHT = "0.5" }\n', "flags"),
        ('snapshot = { path = "gs://a/b", manifest = "gs://a/c" }\n', "snapshot"),
        ('profile = "dual_momentum"\nschedule = "nightly"\nlive = true\n', "profile, schedule, live"),
    ],
)
def test_what_only_a_service_has_is_refused_in_one_line(members: Rehearsal, lines: str, named: str) -> None:
    members.write(f"release/bundles/{BUNDLE}.toml", bundle(lines))
    found = read_bundle(find_bundle(members.root, BUNDLE))

    with pytest.raises(InvalidInput) as error:
        check_bundle(found, read_workspace(members.git, "HEAD"), members.root)

    said = str(error.value)
    assert said.startswith(f"bundle {BUNDLE}: service night-jobs: {JOB} has no platform.toml: ")
    assert said.endswith(f"remove {named}")
    assert "\n" not in said


MOVED = """\
schedule = "nightly"
service_account = "caller@rehearsal.iam.gserviceaccount.com"
audience = "https://night-jobs"
store = "file:///ledger"
"""


def test_a_member_with_a_trigger_is_a_service_without_profile_and_account(members: Rehearsal) -> None:
    text = PROJECT.format(name="night-jobs", dependencies=f'"{KIT}"') + 'trigger = "/backtest"\n'
    members.commit(f"{JOB}/pyproject.toml", text)
    for lines, said in (
        (MOVED, None),
        (f"{MOVED}live = true\n", "it has no account; remove live"),
        (f'{MOVED}profile = "dual_momentum"\n', "no profile runs on it, and it has no account; remove profile"),
        ('schedule = "nightly"\n', "service_account, audience, store or store_env is missing"),
    ):
        members.write(f"release/bundles/{BUNDLE}.toml", bundle(lines))
        found, workspace = read_bundle(find_bundle(members.root, BUNDLE)), read_workspace(members.git, "HEAD")
        assert workspace.apps[JOB].triggers == ("/backtest",)
        if said is None:
            check_bundle(found, workspace, members.root)
            assert [*found.moved] == ["night-jobs"]
            continue
        with pytest.raises(InvalidInput, match=said):
            check_bundle(found, workspace, members.root)


MOVED_LIVE = {"schedule": "s", "service_account": "a", "audience": "b", "store": "file:///c", "live": True}


def test_an_app_with_a_platform_has_a_second_kind_of_service_where_it_names_a_trigger(members: Rehearsal) -> None:
    project = (members.root / "apps" / "ibkr" / "pyproject.toml").read_text()
    members.commit(
        "apps/ibkr/pyproject.toml", project.replace("[tool.release]", '[tool.release]\ntrigger = ["/x", "/z"]')
    )
    app = read_workspace(members.git, "HEAD").apps["ibkr"]
    service = Service(platform="ibkr", region="r", project="p", image="i")
    assert is_of_platform(service, app)
    for given, said in (
        ({"trigger": "/x"}, None),
        ({"trigger": "/z"}, None),
        ({"trigger": "/x", **MOVED_LIVE}, None),
        ({"trigger": "/y"}, "apps/ibkr has no trigger /y: its own: /x, /z"),
        ({"trigger": "/x", "profile": "dual_momentum"}, "it is called at /x: no profile runs on it"),
    ):
        beside = service.model_copy(update=given)
        assert not is_of_platform(beside, app)
        problems = [*service_problems(beside, {}, app, members.root)]
        assert (problems == []) if said is None else (said in problems[0])


def test_the_trigger_of_a_platform_is_not_named(members: Rehearsal) -> None:
    project = (members.root / "apps" / "ibkr" / "pyproject.toml").read_text()
    members.commit("apps/ibkr/pyproject.toml", project.replace("[tool.release]", '[tool.release]\ntrigger = "/run"'))
    with pytest.raises(InvalidInput, match=r"names trigger /run, which is that of a platform; name another"):
        read_workspace(members.git, "HEAD")


def test_two_members_of_one_folder_name_are_refused(members: Rehearsal) -> None:
    text = PROJECT.format(name="other-relay", dependencies=f'"{KIT}"')
    members.commit(f"{RELAY}/pyproject.toml", text)
    with pytest.raises(InvalidInput, match=r"apps/relay and relay are both named relay in bundles; rename one"):
        read_workspace(members.git, "HEAD")


def test_a_folder_at_the_top_without_the_table_is_no_member(members: Rehearsal) -> None:
    members.commit("tool/pyproject.toml", PROJECT.format(name="tool", dependencies="").partition("[tool.release]")[0])
    assert "tool" not in read_workspace(members.git, "HEAD").apps
