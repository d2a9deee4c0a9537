"""Bundles: what they may say, and what they are checked against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import InputName
from quant_release.bundle import check_bundle, find_bundle, read_bundle
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, bundle_text
from quant_release.repository.git import Git
from quant_release.repository.versions import Version
from quant_release.repository.workspace import Package, Workspace, read_workspace
from quant_release.run.desired import subjects_of
from quant_release.steps.table import Scope
from quant_release.testing.rehearsal import Rehearsal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workspace(rehearsal: Rehearsal) -> Workspace:
    return read_workspace(rehearsal.git, "HEAD")


def check(rehearsal: Rehearsal, workspace: Workspace, text: str) -> None:
    path = rehearsal.root / "release" / "bundles" / f"{BUNDLE}.toml"
    path.write_text(text)
    check_bundle(read_bundle(path), workspace, rehearsal.root)


def test_a_bundle_of_one_app_with_two_services_builds_its_image_once(
    rehearsal: Rehearsal, workspace: Workspace
) -> None:
    check(rehearsal, workspace, bundle_text())
    bundle = read_bundle(find_bundle(rehearsal.root, BUNDLE))
    assert [app for app, _ in bundle.images] == ["ibkr", "schwab", "longbridge"]
    assert bundle.services.keys() == {"ibkr-service", "schwab-service", "longbridge-hk", "longbridge-sg"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"0.7.10"', '"0.7"', "packages.quant-platform-kit is '0.7'.*a version is three numbers"),
        (f'name = "{BUNDLE}"', 'name = "other"', "its name is 'other'; name it 'first-bundle', as the file"),
        ("[packages]", "colour = 1\n[packages]", "colour is 1: Extra inputs are not permitted"),
        ("[packages]\n", "[packages\n", "is not TOML"),
        (
            "us-equity-strategies = ",
            "numpy = ",
            "'numpy' is no package that is released; there are: quant-platform-kit",
        ),
        (
            'us-equity-strategies = "0.7.13"\n',
            "",
            "gives no version of us-equity-strategies; name every shared package",
        ),
        ('platforms = ["ibkr"', 'platforms = ["paper"', "platform 'paper' is no app that is pinned; there are: ibkr"),
        ('["ibkr", "schwab"', '["ibkr"', "service schwab-service runs on 'schwab', which is not among its platforms"),
        ('profile = "global_etf_rotation"', 'profile = "gold"', "service ibkr-service: profile 'gold' is not known"),
        ('profile = "global_etf_rotation"', 'profile = "tactical_asset_allocation"', "not enabled in platform.toml"),
        (
            'profile = "global_etf_rotation"\n',
            'profile = "global_etf_rotation"\nsnapshot = { path = "gs://a/b", manifest = "gs://a/c" }\n',
            "takes no snapshot; remove the table",
        ),
        (
            'profile = "global_etf_rotation"\n',
            'snapshot = { path = "gs://a/b", manifest = "gs://a/c" }\n',
            "snapshot without a profile",
        ),
        (
            'profile = "global_etf_rotation"\n',
            'profile = "global_etf_rotation"\naccount_region = "HK"\n',
            "account_prefix and account_region go together",
        ),
        ("rehearsal/schwab", "rehearsal/ibkr", "image registry.invalid/rehearsal/ibkr is of ibkr and of schwab"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused_with_what_is_wrong(
    rehearsal: Rehearsal, workspace: Workspace, old: str, new: str, message: str
) -> None:
    text = bundle_text()
    assert old in text
    with pytest.raises(InvalidInput, match=message):
        check(rehearsal, workspace, text.replace(old, new, 1))


def test_a_package_that_no_app_of_the_bundle_pins_may_be_left_out(rehearsal: Rehearsal, workspace: Workspace) -> None:
    other = Package("other", "packages/other", Version(1, 0, 0), {KIT: Version(0, 7, 8)}, {}, (), ())
    wider = workspace._replace(packages={**workspace.packages, "other": other})
    check(rehearsal, wider, bundle_text())
    bundle = read_bundle(find_bundle(rehearsal.root, BUNDLE))
    released = [one.name for one in subjects_of(bundle, wider.packages) if one.scope is Scope.PACKAGE]
    assert released == [KIT, STRATEGIES]
    app = wider.apps["ibkr"]
    pinning = wider._replace(apps={**wider.apps, "ibkr": app._replace(uses={"other": ()})})
    with pytest.raises(InvalidInput, match="gives no version of other; name every shared package that its apps pin"):
        check(rehearsal, pinning, bundle_text())


def test_a_package_that_another_needs_is_named_too(rehearsal: Rehearsal, workspace: Workspace) -> None:
    apps = {name: app._replace(uses={STRATEGIES: ()}) for name, app in workspace.apps.items()}
    with pytest.raises(InvalidInput, match=f"gives no version of {KIT}; "):
        check(rehearsal, workspace._replace(apps=apps), bundle_text().replace(f'{KIT} = "0.7.10"\n', ""))


def test_a_bundle_that_is_not_there_is_refused_with_those_that_are(rehearsal: Rehearsal) -> None:
    with pytest.raises(InvalidInput, match="bundle 'gone' is not in release/bundles; there are: first-bundle"):
        find_bundle(rehearsal.root, "gone")


@pytest.mark.parametrize("path", sorted((ROOT / "release" / "bundles").glob("*.toml")), ids=lambda path: path.stem)
def test_the_bundles_of_this_repository_fit_its_apps_and_profiles(path: Path) -> None:
    check_bundle(read_bundle(path), read_workspace(Git(ROOT), "HEAD"), ROOT)


MOVED = 'schedule = "job"\nservice_account = "a@b.iam.gserviceaccount.com"\naudience = "https://a"\nstore = "gs://ledger/a"\n'
OF_A_SERVICE: list[tuple[str, str]] = [
    ('schedule = "job"\n', "service_account, audience, store or store_env is missing; give all of schedule"),
    (MOVED + 'store_env = "LEDGER"\n', "store and store_env are two addresses of one ledger; give one"),
    (MOVED.replace("gs://ledger/a", "postgresql+psycopg://u:pa55w0rd@h/d"), "store is \\*\\*\\*: .* it has a password"),
    (
        MOVED.replace("gs://ledger/a", "postgresql+psycopg://u@h/d?password=pa55w0rd"),
        "store is \\*\\*\\*: .* has a password",
    ),
    ('project = "a/b"\n', "project is 'a/b'"),
    ('secrets = { APP_KEY = { secret = "key", version = "" } }\n', "version is ''"),
    ('secrets = { APP_KEY = { secret = "key", version = "latest" } }\n', "version is 'latest'"),
    ('secrets = { APP_KEY = "key" }\n', 'APP_KEY = "key" says no version; write { secret = "key", version = "7" }'),
    ('secrets = { A_SECRET_NAME = { secret = "key", version = "7" } }\n', "A_SECRET_NAME holds the name of a secret"),
    ('flags = { IMAGE = "x" }\n', "IMAGE is no flag"),
    ('flags = { STORE_URL = "gs://x" }\n', "a service keeps its ledger"),
    ('flags = { PORT = "8080" }\n', "PORT is no flag"),
    ('secrets = { STORE_URL = { secret = "url", version = "1" } }\n', "a service keeps its ledger"),
    ("live = true\n", "live = true without a schedule"),
    ('live = "yes"\n', "live is 'yes'"),
    ('colour = "red"\n', "colour"),
]


@pytest.mark.parametrize(("lines", "message"), OF_A_SERVICE)
def test_what_a_service_cannot_say_is_refused_in_one_line(
    rehearsal: Rehearsal, workspace: Workspace, lines: str, message: str
) -> None:
    key = lines.partition(" ")[0]
    before = bundle_text().split("[services.longbridge-sg]")[0]
    table = "[services.longbridge-sg]\n" + "".join(
        line + "\n"
        for line in bundle_text().split("[services.longbridge-sg]\n")[1].splitlines()
        if line.partition(" ")[0] != key
    )
    path = rehearsal.root / "release/bundles/first-bundle.toml"
    path.write_text(before + table + lines)
    with pytest.raises(InvalidInput, match=message) as error:
        check_bundle(read_bundle(path), workspace, rehearsal.root)
    assert "\n" not in str(error.value)
    assert "pa55w0rd" not in str(error.value)


def test_a_bundle_of_ten_thousand_services_and_one_that_is_no_text_are_refused(rehearsal: Rehearsal) -> None:
    path = rehearsal.root / "release/bundles/first-bundle.toml"
    one = bundle_text().split("[services.longbridge-sg]\n")[1]
    path.write_text(bundle_text() + "".join(f"\n[services.service-{number}]\n{one}" for number in range(10_000)))
    with pytest.raises(InvalidInput, match=r"services is .*at most 100 items") as error:
        read_bundle(path)
    assert len(str(error.value)) < 600
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(InvalidInput, match=r"is not TOML: .*can't decode byte 0xff"):
        read_bundle(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "profile global_etf_rotation needs a snapshot: add path and manifest"),
        ('snapshot = { path = "gs://a/features.parquet" }\n', "snapshot.manifest is .*: Field required"),
    ],
)
def test_a_profile_that_reads_a_snapshot_is_not_released_without_its_manifest(
    rehearsal: Rehearsal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, lines: str, message: str
) -> None:
    known: dict[str, Any] = dict(catalog())
    strategy = known["global_etf_rotation"]
    inputs = strategy.manifest.required_inputs | {InputName.FEATURE_SNAPSHOT}
    manifest = replace(strategy.manifest, required_inputs=inputs)
    known["global_etf_rotation"] = SimpleNamespace(manifest=manifest)
    platform = rehearsal.root / "apps/ibkr/platform.toml"
    platform.write_text(platform.read_text().replace("inputs = [", 'inputs = ["feature_snapshot", '))
    monkeypatch.setattr("quant_release.bundle.catalog", lambda: known)
    path = rehearsal.root / "release/bundles/first-bundle.toml"
    path.write_text(
        bundle_text().replace('profile = "global_etf_rotation"\n', f'profile = "global_etf_rotation"\n{lines}', 1)
    )
    with pytest.raises(InvalidInput, match=message):
        check_bundle(read_bundle(path), workspace, rehearsal.root)
