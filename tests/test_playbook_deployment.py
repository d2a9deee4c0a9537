"""How the playbook is run each day: crontabs, units and the lines for Google Cloud, read as the machines read them."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
MACHINE = CHECKOUT / "deploy" / "playbook" / "machine"
SYSTEMD = CHECKOUT / "infra" / "systemd"
SCRIPT = CHECKOUT / "scripts" / "deploy" / "playbook.sh"
GIVEN = {
    "PROJECT": "ours",
    "IMAGE": f"us-central1-docker.pkg.dev/ours/services/alpaca@sha256:{64 * 'a'}",
    "BUCKET": "b",
}


def crontab(name: str) -> tuple[dict[str, str], list[str], str]:
    """Return the settings of a crontab, and the time and the command of its only line."""
    lines = [line for line in (MACHINE / name).read_text().splitlines() if line and not line.startswith("#")]
    *settings, line = lines
    *fields, words = line.split(maxsplit=5)
    return dict(setting.split("=", 1) for setting in settings), fields, words


def test_cronie_runs_at_five_in_new_york() -> None:
    settings, fields, words = crontab("cronie.cron")
    assert (settings["CRON_TZ"], " ".join(fields)) == ("America/New_York", "0 17 * * 1-5")
    assert words.endswith("/python -m alpaca_app.playbook --today >> logs/backtest.log 2>&1")


def test_without_a_time_zone_each_hour_of_each_day_is_asked_and_the_command_waits_for_five() -> None:
    settings, fields, words = crontab("hourly.cron")
    assert ("CRON_TZ" in settings, fields) == (False, ["0", "*", "*", "*", "*"])
    assert words.endswith(" --today --not-before 17:00 >> logs/backtest.log 2>&1")


@pytest.mark.parametrize("name", ["cronie.cron", "hourly.cron"])
def test_the_shell_runs_a_line_with_the_settings_of_its_file(name: str, tmp_path: Path) -> None:
    settings, _, words = crontab(name)
    assert "%" not in words, "cron takes it for a new line"
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "$ALPACA_API_KEY $*"\n')
    program.chmod(0o755)
    (tmp_path / "logs").mkdir()
    (tmp_path / "playbook.env").write_text("ALPACA_API_KEY='a key&'\n")
    moved = words.replace("/srv/playbook", str(tmp_path)).replace("/opt/playbook/bin", str(tmp_path))
    subprocess.run([settings["SHELL"], "-c", moved], check=True, timeout=30)
    assert (tmp_path / "logs" / "backtest.log").read_text().startswith("a key& -m alpaca_app.playbook --today")


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    read.optionxform = str  # type: ignore[method-assign,assignment]
    read.read_string((SYSTEMD / name).read_text())
    return read


def test_the_timer_is_new_yorks_and_starts_the_service() -> None:
    timer, service = unit("trading-playbook.timer"), unit("trading-playbook.service")
    assert timer["Timer"]["OnCalendar"] == "Mon..Fri 17:00:00 America/New_York"
    assert (timer["Timer"]["Persistent"], timer["Install"]["WantedBy"]) == ("true", "timers.target")
    assert service["Service"]["ExecStart"].endswith("/python -m alpaca_app.playbook --today")
    assert (service["Service"]["Type"], service["Service"]["Restart"]) == ("oneshot", "on-failure")


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TZ": "UTC"}
    command = ["systemd-analyze", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_the_instants_of_both_times_of_the_year(tmp_path: Path) -> None:
    when = unit("trading-playbook.timer")["Timer"]["OnCalendar"]
    told = analyzed("calendar", "--base-time=2025-10-30 22:00:00 UTC", "--iterations=3", when).stdout
    assert [day for day in ("2025-10-31 21:00", "2025-11-03 22:00", "2025-11-04 22:00") if day not in told] == []
    (tmp_path / "python").symlink_to("/bin/true")
    units = [tmp_path / f"trading-playbook.{kind}" for kind in ("service", "timer")]
    for path in units:
        path.write_text((SYSTEMD / path.name).read_text().replace("/opt/playbook/bin", str(tmp_path)))
    checked = analyzed("verify", "--man=no", *map(str, units))
    assert [line for line in checked.stderr.splitlines() if "trading-playbook" in line] == []


def deploy(*words: str, **given: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **given}
    return subprocess.run([SCRIPT, *words], env=environment, capture_output=True, text=True, check=False, timeout=30)


def options(line: str) -> dict[str, str]:
    """Return the options of a line with their values."""
    words = shlex.split(line)
    pairs = zip(words, [*words[1:], ""], strict=True)
    return {name: "" if value.startswith("--") else value for name, value in pairs if name.startswith("--")}


def variables(given: str) -> dict[str, str]:
    """Return variables as gcloud reads them: split at the character between two carets, whatever stands there."""
    _, delimiter, rest = given.split("^", 2)
    return dict(pair.split("=", 1) for pair in rest.split(delimiter))


def test_a_dry_run_prints_the_service_and_its_job_and_no_key() -> None:
    done = deploy("--dry-run", **GIVEN)
    assert (done.returncode, done.stderr) == (0, "")
    service, binding, job = done.stdout.splitlines()
    assert service.startswith("gcloud run deploy trading-playbook ")
    told = options(service)
    assert (told["--region"], told["--memory"], told["--timeout"]) == ("us-central1", "1Gi", "600s")
    assert "--no-allow-unauthenticated" in told
    assert told["--set-secrets"] == "ALPACA_API_KEY=alpaca-api-key:1,ALPACA_SECRET_KEY=alpaca-secret-key:1"
    assert "KEY" not in told["--set-env-vars"]
    assert variables(told["--set-env-vars"]) == {
        "GCS_BUCKET": GIVEN["BUCKET"],
        "STORE_URL": f"gs://{GIVEN['BUCKET']}/store",
        "ALPACA_PAPER": "true",
        "WRITER_TYPE": "gcs",
        "IMAGE": GIVEN["IMAGE"],
        "CLOUD_RUN_SERVICE": "trading-playbook",
        "LOG_FORMAT": "json",
        "OIDC_AUDIENCE": options(job)["--oidc-token-audience"],
        "OIDC_SERVICE_ACCOUNT": options(job)["--oidc-service-account-email"],
    }
    assert options(binding)["--role"] == "roles/run.invoker"
    assert job.startswith("gcloud scheduler jobs create http trading-playbook-daily ")
    told = options(job)
    assert (told["--schedule"], told["--time-zone"]) == ("0 17 * * 1-5", "America/New_York")
    assert (told["--uri"].rpartition("/")[2], told["--http-method"]) == ("backtest", "POST")


def test_what_is_printed_is_run_and_a_job_that_is_there_is_updated(tmp_path: Path) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$*" >> "$0.log"\ncase "$*" in *value*) echo https://playbook.example;; esac\n'
    )
    gcloud.chmod(0o755)
    done = deploy(**GIVEN, MONGODB="mongodb:2", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    ran = (tmp_path / "gcloud.log").read_text().splitlines()
    assert [line.split()[:4] for line in ran if "describe" not in line] == [
        line.split()[1:5] for line in done.stdout.splitlines()
    ]
    assert "WRITER_TYPE=gcs,mongodb|" in ran[0]
    assert "MONGODB_CONNECTION=mongodb:2" in ran[0]
    assert ran[-1].startswith("scheduler jobs update http trading-playbook-daily ")
    assert "--uri https://playbook.example/backtest" in ran[-1]


@pytest.mark.parametrize(
    ("words", "changed", "said"),
    [
        (("--force",), {}, "usage: "),
        ((), {"BUCKET": ""}, "BUCKET is not set"),
        ((), {"IMAGE": "alpaca:latest"}, "name it by digest"),
        ((), {"ALPACA_KEY": "PKABCDEF"}, "are SECRET:VERSION"),
        ((), {"ALPACA_SECRET": "alpaca:latest"}, "are SECRET:VERSION"),
    ],
)
def test_what_cannot_be_meant_runs_nothing(words: tuple[str, ...], changed: dict[str, str], said: str) -> None:
    done = deploy(*words, **{**GIVEN, **changed})
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "PKABCDEF" not in done.stderr
