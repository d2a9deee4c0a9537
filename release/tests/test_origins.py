"""Addresses of an origin: which are one repository, and which of them is written into requirements."""

from __future__ import annotations

import itertools
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_release.bundle import read_bundle
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, bundle_text
from quant_release.inspect.status import read_status
from quant_release.repository.origins import address, is_same_repository
from quant_release.run.apply import apply
from quant_release.run.opening import Options, read_release
from quant_release.steps.table import Scope, Stage
from quant_release.testing.rehearsal import Rehearsal

pytestmark = pytest.mark.services

_NAME = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=8).filter(
    lambda text: text.strip(".") == text and not text.endswith(".git")
)
_HOST = st.lists(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=5), min_size=2, max_size=3)
_REPOSITORY = st.tuples(_HOST.map(".".join), st.lists(_NAME, min_size=2, max_size=3).map("/".join))
_FORM = st.sampled_from(
    [
        "{host}:{path}",
        "git@{host}:{path}",
        "ana@{host}:/{path}",
        "ssh://{host}/{path}",
        "ssh://git@{host}/{path}",
        "ssh://git@{host}:22/{path}",
        "ssh://bob@{host}:2222/{path}",
        "git+ssh://git@{host}/{path}",
        "https://{host}/{path}",
        "https://{host}:443/{path}",
        "https://ana:secret@{host}/{path}",
        "https://{host}//{path}",
    ]
)
_END = st.sampled_from(["", "/", ".git", ".git/"])


@st.composite
def _spelled(draw: st.DrawFn, repository: tuple[str, str]) -> str:
    host, path = repository
    host = "".join(draw(st.sampled_from([letter, letter.upper()])) for letter in host)
    return draw(_FORM).format(host=host, path=path) + draw(_END)


@given(_REPOSITORY.flatmap(lambda one: st.tuples(_spelled(one), _spelled(one))))
def test_every_form_of_an_address_is_the_same_repository_also_as_it_is_written(forms: tuple[str, str]) -> None:
    one, other = forms
    assert is_same_repository(one, other)
    assert is_same_repository(address(one), other)
    assert "secret" not in address(one)


@given(
    st.tuples(_REPOSITORY, _REPOSITORY)
    .filter(lambda two: two[0] != two[1])
    .flatmap(lambda two: st.tuples(_spelled(two[0]), _spelled(two[1])))
)
def test_no_form_of_an_address_is_that_of_another_repository(forms: tuple[str, str]) -> None:
    assert not is_same_repository(*forms)


@pytest.mark.parametrize(
    ("one", "other"),
    list(
        itertools.combinations(
            [
                "https://host/o/r",
                "https://host/o/R",
                "https://host/r",
                "https://host/p/o/r",
                "https://host:8443/o/r",
                "http://host/o/r",
                "git://host/o/r",
                "https://host/o/r?of=x",
                "ssh://git@hosts/o/r",
                "git@host:o/r%2e",
                "/o/r",
                "/o/r.git",
                "file://host/o/r",
                "o/r",
                "https://host:port/o/r",
            ],
            2,
        )
    ),
)
def test_addresses_that_only_look_alike_are_different_repositories(one: str, other: str) -> None:
    assert not is_same_repository(one, other)


@pytest.mark.parametrize("other", ["file:///o/r.git", "/o//r.git/", "file://localhost/o/r.git"])
def test_a_folder_is_one_repository_as_a_path_and_as_a_url(other: str) -> None:
    assert is_same_repository("/o/r.git", other)


@pytest.mark.parametrize("origin", ["o/r", "https://host:port/o/r", "https://[host/o/r", ""])
def test_what_is_no_address_is_refused(origin: str) -> None:
    with pytest.raises(InvalidInput, match="give it as a URL or an absolute path"):
        address(origin)


def behind_ssh(rehearsal: Rehearsal, url: str) -> None:
    """Let the checkout know its origin by an address of ssh, which a stand-in for ssh leads to the folder."""
    ssh = rehearsal.tools / "ssh"
    ssh.write_text(f'#!/bin/sh\nfor last; do :; done\nexec ${{last%% *}} "{rehearsal.origin.root}"\n')
    ssh.chmod(0o755)
    rehearsal.git.run("config", "core.sshCommand", str(ssh))
    rehearsal.git.run("config", "ssh.variant", "simple")
    rehearsal.git.run("remote", "set-url", "origin", url)


def behind_https(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let https://host/o/r lead to the folder of the origin, too."""
    settings = rehearsal.root.parent / "gitconfig"
    settings.write_text(f'[url "file://{rehearsal.origin.root}"]\n\tinsteadOf = https://host/o/r\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))


def bundle_with_url(rehearsal: Rehearsal, url: str | None) -> None:
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text(more=f'url = "{url}"' if url else ""))


@pytest.mark.parametrize("url", ["git@host:o/r.git", "ssh://bob@HOST/o/r"])
def test_pins_by_another_form_of_the_address_are_no_mismatch_and_stay_published(
    rehearsal: Rehearsal, options: Options, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    behind_https(rehearsal, monkeypatch)
    behind_ssh(rehearsal, url)
    bundle_with_url(rehearsal, "https://host/o/r")
    apply(options, BUNDLE)
    bundle_with_url(rehearsal, None)
    status = read_status(rehearsal.root)
    assert (status["mismatches"], status["origin"]) == ([], address(url))
    release = read_release(options, BUNDLE)
    assert {release.executor.stage(one) for one in release.subjects if one.scope is Scope.APP} == {Stage.PUBLISHED}
    behind_ssh(rehearsal, "git@host:o/other.git")
    assert {one["kind"] for one in read_status(rehearsal.root)["mismatches"]} == {"other_origin"}


@pytest.mark.parametrize("of_the_bundle", [True, False])
def test_the_address_that_is_named_is_the_one_that_is_written(
    rehearsal: Rehearsal, options: Options, *, of_the_bundle: bool
) -> None:
    named = f"file://localhost{rehearsal.origin.root}"
    if of_the_bundle:
        rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text(more=f'url = "{named}"'))
    else:
        rehearsal.commit("pyproject.toml", f'[tool.uv]\npackage = false\n\n[tool.release]\nurl = "{named}"\n')
        rehearsal.git.push()
    apply(options, BUNDLE, until="push:us-equity-strategies")
    release = read_release(options, BUNDLE)
    assert {pin.url for pin in release.executor.reading.desired.pins("ibkr")} == {named}


def test_pins_of_before_packages_named_each_other_by_address_stay_by_another_form(
    rehearsal: Rehearsal, options: Options
) -> None:
    manifest = "packages/us_equity_strategies/pyproject.toml"
    text = (rehearsal.root / manifest).read_text()
    rehearsal.commit(manifest, re.sub(r" @ git[^\"]+", "==0.7.8", text))
    path = "apps/longbridge/requirements.txt"
    text = (rehearsal.root / path).read_text()
    rehearsal.commit(path, text.replace(f"file://{rehearsal.origin.root}", "https://host/o/r"))
    rehearsal.git.push()
    behind_ssh(rehearsal, "git@host:o/r.git")
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text("0.7.8", "0.7.11"))
    desired = read_release(options, BUNDLE).executor.reading.desired
    assert {app: {pin.url for pin in desired.pins(app)} for app in ("longbridge", "ibkr")} == {
        "longbridge": {"https://host/o/r"},
        "ibkr": {"ssh://git@host/o/r.git"},
    }


def test_the_address_by_which_packages_name_each_other_is_kept(
    rehearsal: Rehearsal, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind_https(rehearsal, monkeypatch)
    behind_ssh(rehearsal, "git@host:o/r")
    bundle_with_url(rehearsal, "https://host/o/r")
    apply(options, BUNDLE, until=f"push:{STRATEGIES}")
    bundle_with_url(rehearsal, None)
    assert read_release(options, BUNDLE).executor.reading.desired.url == "https://host/o/r"
    behind_ssh(rehearsal, "git@host:o/fork")
    assert read_release(options, BUNDLE).executor.reading.desired.url == "ssh://git@host/o/fork"


def test_pins_by_another_address_than_the_strategies_name_the_kit_by_are_refused_and_named(
    rehearsal: Rehearsal, options: Options
) -> None:
    apply(options, BUNDLE)
    before = rehearsal.origin.commit("main")
    named = f"file://localhost{rehearsal.origin.root}"
    bundle_with_url(rehearsal, named)
    text = (
        f"{STRATEGIES}-v0.7.13 takes {KIT} from git+file:///.*, app ibkr would from git\\+file://localhost/.*: give "
        f'{STRATEGIES} a newer version, or say url = "file://{rehearsal.origin.root}" in the bundle'
    )
    with pytest.raises(Refused, match=text.replace("git+file", "git\\+file")):
        apply(options, BUNDLE)
    assert (rehearsal.origin.commit("main"), rehearsal.git.changed()) == (before, [f"release/bundles/{BUNDLE}.toml"])
    assert read_status(rehearsal.root)["mismatches"] == []
    path = "apps/ibkr/requirements.txt"
    rehearsal.commit(path, (rehearsal.root / path).read_text().replace(f"file://{rehearsal.origin.root}", named))
    (found,) = read_status(rehearsal.root)["mismatches"]
    assert (found["kind"], found["subject"]) == ("unfitting", "ibkr")
    assert f"ibkr is pinned to {STRATEGIES} 0.7.13 with {KIT} as git+file:///" in found["text"]


def test_an_address_of_another_repository_is_not_written(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text(more='url = "ssh://git@host/o/r.git"'))
    with pytest.raises(InvalidInput, match=r"url is ssh://git@host/o/r.git, and the origin .*: they are two"):
        apply(options, BUNDLE)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("o/r", "url is .*: Value error, the origin is 'o/r': give it as a URL"),
        ("https://ana:hunter2hunter2@host/o/r", "it has a password"),
    ],
)
def test_an_address_that_cannot_be_written_is_refused(rehearsal: Rehearsal, url: str, message: str) -> None:
    path = rehearsal.root / f"release/bundles/{BUNDLE}.toml"
    path.write_text(bundle_text(more=f'url = "{url}"'))
    with pytest.raises(InvalidInput, match=message) as error:
        read_bundle(path)
    assert "hunter2" not in str(error.value)
