"""Bootstrap and destroy of a server at Hetzner, with doubles of their programs that keep one world between calls."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from event_trading_app.settings import read_settings
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.services.observe.readiness import make_sure_it_writes
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import halt_new, is_new

from .rules import OPERATORS_PORT

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from chaos.hetzner.site import CANARIES, NAME, Ran, Site, checkout, secrets_file

pytestmark = pytest.mark.services  # they start thousands of processes, and no server

ROOT = Path(__file__).resolve().parents[2]
STEPS = 16
CHANGING = ("apply", "create", "annotate", "exec", "import", "push", "build", "destroy", "delete", "port-forward")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("pristine"))


@dataclass(frozen=True)
class Twice:
    """A bootstrap of an empty account, and once more."""

    site: Site
    first: Ran
    writes: list[str]
    calls: int
    second: Ran


@pytest.fixture(scope="module")
def twice(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    site = Site(tmp_path_factory.mktemp("site"), pristine)
    first = site.run()
    assert first.status == 0, first.said
    writes, calls = site.world["writes"], len(site.calls)
    return Twice(site, first, writes, calls, site.run())


@pytest.fixture
def site(pristine: Path, tmp_path: Path) -> Site:
    return Site(tmp_path, pristine)


@pytest.fixture
def built(twice: Twice, tmp_path: Path) -> Site:
    """Return a workstation before a world where all of it runs."""
    return twice.site.copied(tmp_path)


def test_an_empty_account_becomes_services_that_run_with_one_of_everything(twice: Twice) -> None:
    assert twice.site.faults() == []
    assert "NOT confirmed" not in twice.first.said
    assert len(twice.writes) == len(set(twice.writes)), "something was made twice"


def test_a_second_run_finds_every_step_done_and_changes_nothing(twice: Twice) -> None:
    assert twice.second.status == 0, twice.second.said
    assert twice.site.world["writes"] == twice.writes
    assert len(re.findall(r"^bootstrap: \d+\. .*: is so$", twice.second.said, re.MULTILINE)) == STEPS
    again = twice.site.calls[twice.calls :]
    asked = [words for _, words in again if set(CHANGING) & set(words)]
    assert [words for words in asked if not words[-1].startswith("--command=SELECT ")] == []


def test_no_secret_is_in_the_words_of_a_process_in_what_is_said_or_in_a_file_that_git_would_take(twice: Twice) -> None:
    assert twice.site.leaks(twice.first.said, twice.second.said) == []


def test_a_secret_that_leaks_would_be_found(site: Site) -> None:
    (site.world_folder / "calls.jsonl").write_text("")
    for name, value in CANARIES.items():
        assert site.leaks(f"x {value} y") == [f"{name} in said 0"]


def test_state_is_for_its_owner_and_no_part_of_git(twice: Twice) -> None:
    state = twice.site.root / ".state"
    assert (state / "hetzner" / "kubeconfig.yaml").stat().st_mode & 0o777 == 0o600
    assert [path for path in state.rglob("*.key") if path.stat().st_mode & 0o077] == []
    listed = ["git", "status", "--porcelain", "--untracked-files=all"]
    changed = subprocess.run(listed, cwd=twice.site.root, capture_output=True, text=True, check=True).stdout
    assert [line for line in changed.splitlines() if "images.toml" not in line] == []


def test_what_an_editor_leaves_beside_the_secrets_is_no_part_of_git(built: Site) -> None:
    secrets = built.root / "scripts" / "hetzner" / "bootstrap-secrets.env"
    for ending in ("~", ".bak", ".orig"):
        shutil.copy(secrets, f"{secrets}{ending}")
    assert built.leaks() == []


def test_the_operator_and_the_forge_are_signed_by_authorities_that_were_there_before_the_server(twice: Twice) -> None:
    state = twice.site.root / ".state" / "hetzner"
    for signed, authority in (("operator", "client-ca"), ("forgejo", "server-ca")):
        words = ["openssl", "verify", "-CAfile", f"authorities/{authority}.crt", f"{signed}.crt"]
        assert subprocess.run(words, cwd=state, capture_output=True, check=False).returncode == 0
    made = (twice.site.world_folder / "words").read_text().splitlines()
    assert made[0].startswith("awk ") or "openssl" in made[0]
    first_key = next(number for number, line in enumerate(made) if "ecparam" in line)
    assert first_key < next(number for number, line in enumerate(made) if "operator.csr" in line)


def test_a_dry_run_prints_the_commands_and_runs_none(site: Site, twice: Twice) -> None:
    ran = site.run("--dry-run")
    assert (ran.status, site.world["calls"], (site.root / ".state").exists()) == (0, 0, False)
    assert "Traceback" not in ran.said
    printed = [line.strip() for line in ran.said.splitlines() if line.startswith("    ")]
    for program, words in twice.site.calls[: twice.calls]:
        verbs = [word for word in words if re.fullmatch("[a-z-]+", word) and not word.startswith("-")][:1]
        if program not in ("docker", "uv") and set(CHANGING) & set(words):
            assert any(line.startswith(f"{program} ") and all(verb in line for verb in verbs) for line in printed), (
                words
            )
    assert any("build_image.sh" in line for line in printed)
    assert [name for name, value in CANARIES.items() if value in ran.said] == []


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (secrets_file(HCLOUD_TOKEN=""), 0o600, "HCLOUD_TOKEN has no value"),
        (secrets_file() + "HCLOUD_TOKEM=x\n", 0o600, "line 18: it does not begin with a name"),
        (secrets_file() + "SERVER_NAME=other\n", 0o600, "SERVER_NAME is there twice"),
        (secrets_file() + "no words\n", 0o600, "line 18"),
        (secrets_file(), 0o644, "can be read by others: chmod 600"),
        (secrets_file(SERVER_NAME="Trading_1"), 0o600, "SERVER_NAME is not as it has to be"),
        (secrets_file(OPERATOR_ADDRESSES="everybody"), 0o600, "OPERATOR_ADDRESSES is not as it has to be"),
        (secrets_file(OPERATOR_ADDRESSES="0.0.0.0/0"), 0o600, "OPERATOR_ADDRESSES: 0.0.0.0/0; write four numbers"),
        (secrets_file(OPERATOR_ADDRESSES="198.51.100.7/33"), 0o600, "a prefix from /16 to /32"),
        (secrets_file(OPERATOR_ADDRESSES="198.51.100.7/32,::/0"), 0o600, "OPERATOR_ADDRESSES: ::/0; write a prefix"),
        (secrets_file(OPERATOR_ADDRESSES="198.51.100/24"), 0o600, "OPERATOR_ADDRESSES: 198.51.100/24; write four"),
        (secrets_file(SERVER_LOCATION="ash"), 0o600, "SERVER_LOCATION is not as it has to be: fsn1, nbg1 or hel1"),
        (secrets_file(SERVER_TYPE="big one"), 0o600, "SERVER_TYPE is not as it has to be"),
        (secrets_file(HCLOUD_TOKEN='"canary0"'), 0o600, "HCLOUD_TOKEN is not as it has to be"),
        (secrets_file(FORGEJO_ADMIN_MAIL="me"), 0o600, "FORGEJO_ADMIN_MAIL is not as it has to be"),
        (secrets_file(FORGEJO_SECRET_KEY="canary0"), 0o600, "FORGEJO_SECRET_KEY is not as it has to be"),
        (secrets_file(EVENT_TRADING_NEAR_KEY="canary0"), 0o600, "EVENT_TRADING_NEAR_KEY is not as it has to be"),
        (secrets_file(POSTGRES_PASSWORD="canary0@short"), 0o600, "POSTGRES_PASSWORD is not as it has to be"),
        (secrets_file(FORGEJO_RUNNER_SECRET="canary0"), 0o600, "FORGEJO_RUNNER_SECRET is not as it has to be"),
    ],
)
def test_inputs_that_cannot_be_meant_are_one_line_and_nothing_is_called(
    site: Site, text: str, mode: int, told: str
) -> None:
    site.write_secrets(text, mode)
    ran = site.run()
    assert (ran.status, ran.said.count("\n"), site.world["calls"]) == (1, 1, 0)
    assert told in ran.said
    assert "canary0" not in ran.said
    assert not (site.root / ".state").exists()


def test_what_is_not_pinned_is_refused_by_name(site: Site) -> None:
    shutil.copy(ROOT / "deploy" / "images.toml", site.root / "deploy" / "images.toml")
    ran = site.run()
    unpinned = re.findall(r"^\[\w+\.([\w-]+)\]\n(?:(?!\[).*\n)*?\w+ = \"UNPINNED\"", _pins(), re.MULTILINE)
    assert (ran.status, site.world["calls"]) == (1 if unpinned else 0, 0 if unpinned else site.world["calls"])
    if unpinned:
        assert f"not pinned: {', '.join(unpinned)}." in ran.said


def _pins() -> str:
    return (ROOT / "deploy" / "images.toml").read_text()


def test_one_unpinned_image_is_enough(site: Site) -> None:
    pins = site.root / "deploy" / "images.toml"
    head, table, rest = pins.read_text().partition("[images.forgejo]")
    pins.write_text(head + table + rest.replace(f'"sha256:{64 * "1"}"', '"UNPINNED"', 1))
    ran = site.run()
    assert (ran.status, site.world["calls"]) == (1, 0)
    assert "not pinned: forgejo. " in ran.said


def test_a_digest_that_is_not_what_would_be_applied_is_refused(site: Site) -> None:
    pins = site.root / "deploy" / "images.toml"
    head, table, rest = pins.read_text().partition("[images.forgejo]")
    pins.write_text(head + table + rest.replace(64 * "1", 64 * "3", 1))
    ran = site.run()
    assert (ran.status, ran.said.count("\n"), site.world["calls"]) == (1, 1, 0)
    assert "kustomization.yaml has another forgejo than deploy/images.toml: scripts/generate_image_pins.py" in ran.said


def test_words_that_are_not_known_are_refused(site: Site) -> None:
    for script in ("bootstrap", "destroy"):
        ran = site.run("--force", script=script)
        assert (ran.status, site.world["calls"]) == (2, 0)
        assert ran.said.startswith("usage: ")


def test_a_step_that_fails_says_what_to_look_at_and_how_to_go_on(site: Site, twice: Twice) -> None:
    site.meet(next(number for number, (_, words) in enumerate(twice.site.calls, 1) if "apply" in words), "fail")
    ran = site.run()
    assert (ran.status, site.world["writes"]) == (1, [])
    *_, failed, look, go_on = ran.said.splitlines()
    assert failed == "bootstrap: step 2 (server, firewall, network, volume) failed: status 1."
    assert look.startswith("  look at: the console at Hetzner")
    assert go_on == "  then run this again: what is done is found and skipped"


def test_a_new_ledger_is_halted_before_any_service_and_how_to_resume_is_said(twice: Twice) -> None:
    assert "halt a new ledger" in twice.writes[: twice.writes.index("apply services")]
    resumed = "exec executor-0 -- sh -c 'quant resume all --who NAME --reason TEXT --store \"$STORE_URL\"'"
    assert twice.first.said.count(resumed) == 2
    assert "a ledger that was new is halted. Look at the account, then: KUBECONFIG=" in twice.second.said


def test_what_bootstrap_asks_a_ledger_is_what_a_halt_of_a_new_one_goes_by(tmp_path: Path) -> None:
    text = (ROOT / "scripts" / "hetzner" / "steps" / "cluster.sh").read_text("utf-8")
    question = re.search(r'^is_known="(SELECT .*)"$', text, re.MULTILINE)
    assert question
    store = open_store(f"sqlite:///{tmp_path}/ledger")
    operator = Operator(store, SystemClock(), "bootstrap")

    def known() -> bool:
        with closing(sqlite3.connect(tmp_path / "ledger")) as connection:
            return bool(connection.execute(question[1]).fetchone()[0])

    steps: tuple[Callable[[], object], ...] = (
        lambda: None,
        lambda: make_sure_it_writes(store),
        lambda: operator.audit("halt", "it was killed here", switch="halts/all/000001-1-on"),
        lambda: halt_new(operator, "new"),
        lambda: store.create("trades/solver.near/p000/open", b"{}"),
    )
    found: list[bool] = []
    for step in steps:
        step()
        assert known() is not is_new(store)
        found.append(known())
    assert found == [False, False, False, True, True]


@pytest.fixture(scope="module")
def stores(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Ran]:
    """Return a workstation before a world with empty stores, and what was said when they were made."""
    site = Site(tmp_path_factory.mktemp("stores"), pristine)
    ran = site.run("--stores")
    assert ran.status == 0, ran.said
    return site, ran


def test_stores_alone_leave_the_ledger_empty_and_start_nothing(stores: tuple[Site, Ran]) -> None:
    site, ran = stores
    assert ran.said.endswith("scripts/hetzner/restore.sh FOLDER brings a backup back, bootstrap.sh goes on\n")
    assert {"stores"} <= site.world["objects"].keys()
    assert ("services" in site.world["objects"], site.world["ledger"]) == (False, {})


def test_a_lost_cluster_is_restored_before_its_services_start_and_stays_halted(built: Site, tmp_path: Path) -> None:
    site = built
    folder = tmp_path / "backups" / "one"
    site.edit(ledger={"of": "a year of answers", "halted": False})
    before = site.world["writes"]
    kept = site.run(str(folder), script="backup")
    assert kept.status == 0, kept.said
    assert site.world["writes"] == before
    assert sorted(path.name for path in folder.iterdir()) == [
        *("SHA256SUMS", "archive-trading", "bus-trading.jsonl.gz", "database-trading.dump", "made")
    ]
    assert [path.name for path in sorted((folder / "archive-trading").rglob("*.parquet"))] == [
        "one.parquet",
        "two.parquet",
    ]
    assert not (site.root / ".state" / "hetzner" / "archive").exists()
    refused = site.run(str(folder), script="restore")
    assert (refused.status, site.world["writes"]) == (1, before)
    assert "services run (8 pods); nothing was restored. Stop them" in refused.said
    site.edit(objects={}, ledger={}, bus="", running=False, registry={})
    stores = site.run("--stores")
    assert stores.status == 0, stores.said
    restored = site.run(str(folder), script="restore")
    assert restored.status == 0, restored.said
    assert (site.world["ledger"], site.world["bus"]) == ({"of": "a year of answers", "halted": True}, "bus")
    finished = site.run()
    assert finished.status == 0, finished.said
    assert site.world["ledger"]["of"] == "a year of answers"
    assert site.faults() == []
    assert site.leaks(kept.said, refused.said, stores.said, restored.said, finished.said) == []


def test_a_ledger_that_is_not_empty_is_not_restored_into(built: Site, tmp_path: Path) -> None:
    site = built
    assert site.run(str(tmp_path / "kept"), "database", script="backup").status == 0
    site.edit(running=False)
    before = site.world["writes"]
    ran = site.run(str(tmp_path / "kept"), "database", script="restore")
    assert (ran.status, site.world["writes"]) == (1, before)
    assert "database event_trading holds 1 tables and the like: use an empty one" in ran.said


@pytest.mark.parametrize("script", ["backup", "restore"])
def test_keeping_refuses_what_cannot_be_meant_before_anything_is_asked(script: str, site: Site, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "SHA256SUMS").touch()
    folder = str(tmp_path / ("new" if script == "backup" else "there"))
    for words, told in (
        ((), "usage: "),
        (("--force",), "usage: "),
        ((folder, "ledger"), "ledger is no kind of store here; there are: bus database"),
        ((folder,), ".state/hetzner/kubeconfig.yaml is not there: bootstrap.sh makes the cluster"),
    ):
        ran = site.run(*words, script=script)
        assert (ran.status, ran.said.count("\n"), site.world["calls"]) == (2 if "usage" in told else 1, 1, 0), ran.said
        assert told in ran.said
    other = str(tmp_path / ("there" if script == "backup" else "new"))
    told = "is there already" if script == "backup" else "is no backup that backup.sh has made to its end"
    assert told in site.run(other, script=script).said
    assert not (tmp_path / "new").exists()


def test_a_port_that_cannot_be_forwarded_is_said_at_once(stores: tuple[Site, Ran], tmp_path: Path) -> None:
    site = stores[0].copied(tmp_path)
    site.meet(site.world["calls"] + 2, "fail")
    ran = site.run(str(tmp_path / "kept"), "bus", script="backup")
    assert ran.status == 1
    assert "kubectl port-forward pod/redpanda-0 19090:19090: kubectl: refused by the fault" in ran.said
    assert not (tmp_path / "kept").exists()


def test_every_broker_is_forwarded_by_its_number(stores: tuple[Site, Ran], tmp_path: Path) -> None:
    site = stores[0].copied(tmp_path)
    site.edit(brokers=3)
    ran = site.run(str(tmp_path / "kept"), "bus", script="backup")
    assert ran.status == 0, ran.said
    forwarded = [words[2:] for _, words in site.calls if "port-forward" in words]
    assert forwarded == [[f"pod/redpanda-{number}", f"{19090 + number}:19090"] for number in (2, 1, 0)]


def test_the_bus_is_found_from_outside_where_its_brokers_say(site: Site) -> None:
    text = (ROOT / "scripts" / "hetzner" / "steps" / "forward.sh").read_text("utf-8")
    assert f"\nbus_port={OPERATORS_PORT} " in text
    given = {"EVENT_TRADING_KAFKA_URL": f"127.0.0.1:{OPERATORS_PORT}", "EVENT_TRADING_ACCOUNT": "solver.near"}
    assert read_settings(ROOT / "deploy/k8s/base/settings.yaml", given).kafka_url == given["EVENT_TRADING_KAFKA_URL"]


ONCE = {
    "POSTGRES_PASSWORD": "canary0another0password",
    "FORGEJO_SECRET_KEY": "canary0another0key",
    "FORGEJO_RUNNER_SECRET": "beef0123456789abcdef0123456789abcdefbeef",
    "FORGEJO_ADMIN": "canary0admin",
    "FORGEJO_REPOSITORY": "canary0repository",
}


@pytest.mark.parametrize("name", ONCE)
def test_a_value_that_is_set_once_is_refused_by_its_name_when_it_is_another(name: str, built: Site) -> None:
    site = built
    before = site.world["writes"]
    site.write_secrets(secrets_file(**{name: ONCE[name]}))
    ran = site.run()
    assert (ran.status, site.world["writes"]) == (1, before)
    assert f"\n{name}: not what this cluster was made with. Nothing was changed: write that value again" in ran.said
    assert [value for value in (*ONCE.values(), *CANARIES.values()) if value in ran.said] == []
    assert name in re.findall(r"`([A-Z_]+)`", (ROOT / "deploy/hetzner/README.md").read_text("utf-8"))


SEEN_AT_A_START = {
    "EVENT_TRADING_NEAR_KEY": "ed25519:canary0new",
    "EVENT_TRADING_NEAR_TOKEN": "canary0new",
    "NOTIFY_URLS": "mailto://canary0new@example.org",
}


def test_a_value_that_may_change_changes_and_who_has_to_see_it_is_said(built: Site) -> None:
    changed: dict[str, str] = {}
    for new in (SEEN_AT_A_START, {"NOTIFY_URLS": ""}, {"FORGEJO_ADMIN_PASSWORD": "canary0new password"}):
        changed |= new
        before = len(built.world["writes"])
        built.write_secrets(secrets_file(**changed))
        ran = built.run()
        assert ran.status == 0, ran.said
        assert len(built.world["writes"]) > before
        told = "sees a value that has changed when it is started again" in ran.said
        assert told is ("FORGEJO_ADMIN_PASSWORD" not in new)
        assert "canary0new" not in ran.said
    writes = built.world["writes"]
    assert (built.run().status, built.world["writes"]) == (0, writes)


def test_a_server_is_not_moved_by_deleting_it(built: Site) -> None:
    site = built
    before = site.world["writes"]
    site.write_secrets(secrets_file(SERVER_LOCATION="nbg1"))
    ran = site.run()
    assert (ran.status, site.world["writes"]) == (1, before)
    assert "SERVER_LOCATION is nbg1, and the volume is in fsn1: write that, nothing moves a volume" in ran.said


@pytest.mark.parametrize(
    ("script", "tool"), [("bootstrap", "hcloud"), ("bootstrap", "quant"), ("destroy", "terraform")]
)
def test_a_tool_that_is_missing_is_said_before_anything_is_asked(site: Site, script: str, tool: str) -> None:
    (site.root / ".state" / "hetzner").mkdir(parents=True)
    (site.programs / tool).unlink()
    ran = site.run(script=script, typed=f"{NAME}\n")
    assert (ran.status, ran.said.count("\n"), site.world["calls"]) == (1, 1, 0), ran.said
    assert f"{script}: {tool} is not on this machine" in ran.said


@pytest.mark.parametrize("place", [".state", ".state/hetzner", ".state/hetzner/lock"])
def test_a_state_that_cannot_be_written_is_one_line(site: Site, place: str) -> None:
    path = site.root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if place.endswith("lock"):
        path.mkdir()
    else:
        path.write_text("in the way")
    ran = site.run()
    assert (ran.status, ran.said.count("\n"), site.world["calls"]) == (1, 1, 0), ran.said
    assert ran.said.startswith("bootstrap: .state/hetzner cannot be written by ")


def test_destroy_needs_the_name_and_then_leaves_nothing(twice: Twice, tmp_path: Path) -> None:
    site = twice.site
    refused = site.run(script="destroy", typed="trading-2\n")
    assert refused.status == 1
    assert "the ledger with its duplicate-suppression history" in refused.said
    assert f"that is not {NAME}; nothing was deleted" in refused.said
    assert site.world["writes"] == twice.writes
    assert site.run(script="destroy").status == 1, "nobody typed anything"
    kept = site.run("--server-only", script="destroy", typed=f"{NAME}\n")
    assert kept.status == 0, kept.said
    assert set(site.world["cloud"]) == {"primary-ip", "network", "subnet", "firewall", "volume"}
    gone = site.run(script="destroy", typed=f"{NAME}\n")
    assert gone.status == 0, gone.said
    assert (site.world["cloud"], site.world["terraform"]) == ({}, {})
    assert not (site.root / ".state" / "hetzner" / "kubeconfig.yaml").exists()
    assert site.leaks(refused.said, kept.said, gone.said) == []


def test_another_name_than_the_one_that_stands_is_refused_before_anything_is_asked(
    twice: Twice, tmp_path: Path
) -> None:
    """What destroy deletes is what the state knows: the name that is typed has to be of that."""
    shutil.copytree(twice.site.root, tmp_path / "checkout", symlinks=True)
    site = Site(tmp_path / "new", tmp_path / "checkout")
    site.write_secrets(secrets_file(SERVER_NAME="trading-2"))
    for script in ("bootstrap", "destroy"):
        ran = site.run(script=script, typed="trading-2\n")
        assert (ran.status, site.world["calls"]) == (1, 0), ran.said
        assert ran.said == (
            f"{script}: SERVER_NAME is trading-2, and .state/hetzner is of {NAME}: "
            f"write that name, or move .state/hetzner away once {NAME} is destroyed\n"
        )


def test_git_is_given_the_password_as_it_stands(tmp_path: Path) -> None:
    """An echo of dash would take a backslash and a letter for something else."""
    text = (ROOT / "scripts" / "hetzner" / "steps" / "forge.sh").read_text("utf-8")
    helper = re.search(r"-c '(credential\.helper=!.*)' \"\$@\"", text)
    assert helper
    password = 'one\\two\\n"\\c three'
    given = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "FORGE_USER": "operator", "FORGE_PASSWORD": password}
    done = subprocess.run(
        ["git", "-c", "credential.helper=", "-c", helper[1], "credential", "fill"],
        input="protocol=https\nhost=forge.example\n\n",
        env=given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"password={password}\n" in done.stdout
