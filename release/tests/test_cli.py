"""The command line: what it prints, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.domain import redaction
from quant_platform_kit.domain.redaction import hide
from quant_release.cli.main import main
from quant_release.cli.printing import print_json, say, shown
from quant_release.demo.baseline import BUNDLE, KIT
from quant_release.testing.rehearsal import Rehearsal

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a runner of `release` in the small workspace: exit code, standard output, standard error."""
    monkeypatch.chdir(rehearsal.root)
    monkeypatch.setenv("STORE_URL", rehearsal.store)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["release", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(str(stop.value.code)), said.out, said.err

    return call


def document(text: str) -> Any:
    assert text.count("\n") == 1
    return json.loads(text)


def test_the_baseline_is_released_verified_and_listed(run: Run) -> None:
    code, out, _ = run("status", "--json")
    assert (code, len(document(out)["mismatches"])) == (1, 3)
    code, out, _ = run("plan", BUNDLE, "--builder", "docker", "--json")
    assert (code, len(document(out)["steps"]), document(out)["refusals"]) == (0, 25, [])
    code, out, _ = run("verify", BUNDLE, "--json")
    assert (code, document(out)["well"]) == (1, False)
    code, out, err = run("apply", BUNDLE, "--builder", "docker", "--local", "--who", "ana", "--json")
    assert (code, document(out)["finished"], err.count("done")) == (0, True, 25)
    code, out, _ = run("verify", BUNDLE, "--json")
    assert (code, document(out)["well"]) == (0, True)
    code, out, _ = run("drift", BUNDLE, "--builder", "docker", "--json")
    assert (code, document(out)) == (0, [])
    code, out, _ = run("status", "--json", "--root", ".")
    assert (code, [image["app"] for image in document(out)["images"]]) == (0, ["ibkr", "schwab", "longbridge"])
    code, out, _ = run("history", "--json")
    (listed,) = document(out)
    assert (code, listed["who"], listed["state"], len(listed["events"])) == (0, "ana", "finished", 51)


def test_people_read_tables_and_sentences(run: Run) -> None:
    code, out, _ = run("status")
    assert code == 1
    assert "mismatch  schwab is pinned to us-equity-strategies 0.7.10, behind 0.7.11" in out
    code, out, _ = run("plan", BUNDLE)
    assert code == 1
    assert "git push --atomic origin HEAD quant-platform-kit-v0.7.10" in out
    assert (
        "refused  image of image registry.invalid/rehearsal/ibkr: nobody is named to build it: add --builder docker"
        in out
    )
    code, _, err = run("apply", BUNDLE, "--builder", "docker", "--local", "--until", f"tag:{KIT}")
    assert (code, err.count("done")) == (0, 4)
    code, out, _ = run("history")
    assert (code, f"open: tag of package {KIT} ended" in out) == (0, True)
    code, out, _ = run("verify", BUNDLE)
    assert (code, f"tagged     package {KIT}" in out) == (1, True)
    code, out, _ = run("abandon", BUNDLE, "--local")
    assert (code, f"package {KIT} checked" in out) == (0, True)
    code, out, _ = run("history", document(run("history", "--json")[1])[0]["run"])
    assert out.strip().splitlines()[-1].endswith("abandoned")


def test_a_dry_run_prints_the_plan_and_changes_nothing(run: Run, rehearsal: Rehearsal) -> None:
    before = rehearsal.git.commit()
    code, out, _ = run("apply", BUNDLE, "--builder", "docker", "--dry-run", "--json")
    assert (code, len(document(out)["steps"])) == (0, 25)
    assert (rehearsal.git.commit(), rehearsal.git.tags().keys() & {f"{KIT}-v0.7.10"}) == (before, set())
    code, out, _ = run("history", "--json")
    assert document(out) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("apply", "gone", "--local"), 1, "release: bundle 'gone' is not in release/bundles; there are: first-bundle"),
        (
            ("apply", BUNDLE),
            1,
            "release: file: is a store of this machine; an operator on another one would not be seen",
        ),
        (("apply", BUNDLE, "--local"), 1, "nobody is named to build it: add --builder docker, buildah or gcloud"),
        (("drift", BUNDLE), 1, "release: bundle first-bundle, as it is now, was never released to its end"),
        (("history", "20260101T000000Z-x"), 1, "release: run 20260101T000000Z-x is not in the journal"),
        (("status", "--root", "/"), 1, "release: git rev-parse"),
        (("status", "gone"), 1, "release: bundle 'gone' is not in release/bundles; there are: first-bundle"),
        (("status", "--store", "http://[x"), 2, "release: Invalid value for '--store': it is no address of a store"),
        (("switch", BUNDLE, "--service", "ibkr-service", "--local"), 1, "moves none of that name; it moves: none"),
        (("deploy",), 2, "release: No such command 'deploy'"),
        (("apply",), 2, "release: Missing argument 'BUNDLE'"),
    ],
)
def test_a_users_error_is_one_line(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize("command", ["apply", "switch", "rollback"])
def test_a_service_that_the_bundle_does_not_move_is_refused_before_a_store_is_written(
    run: Run, tmp_path: Path, command: str
) -> None:
    code, _, err = run(command, BUNDLE, "--service", "gone", "--local", "--store", f"file://{tmp_path}/journal")
    assert (code, "--service gone: bundle first-bundle moves none of that name" in err) == (1, True)
    assert not (tmp_path / "journal").exists()


def test_status_as_json_without_a_store_loads_no_command_line(rehearsal: Rehearsal) -> None:
    code = "import sys; sys.argv = ['release', 'status', '--json']; from quant_release.cli.main import main\n"
    check = "try: main()\nexcept SystemExit: sys.exit(bool({'typer', 'rich', 'pydantic', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code + check], cwd=rehearsal.root, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_secret_is_printed(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    code, out, err = run("status", "--store", "postgresql+psycopg://ana:geheim%40tor@127.0.0.1:1/releases")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "geheim" not in err
    hide(["geheim-7", "true"])
    print_json({"text": "it is geheim-7", "known": True})
    say(shown("it is [geheim-7]"))
    assert capsys.readouterr().out == '{"known":true,"text":"it is ***"}\nit is [***]\n'
