"""docs/reference/release.md, made out of the transition table and the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer.main
from quant_release.cli.app import app
from quant_release.images.builders import BUILDERS
from quant_release.run import journal
from quant_release.steps.model_check import INVARIANTS, VIA_BRANCH_INVARIANTS
from quant_release.steps.service_check import SERVICE_INVARIANTS
from quant_release.steps.table import TABLE, VIA_BRANCH, Guard, Row, Scope, rows_of
from quant_release.steps.workload_check import WORKLOAD_INVARIANTS

from reference.markdown import table

TITLES = {
    Scope.PACKAGE: "Of a package, each after those it depends on",
    Scope.APP: "Of an app, once every package is published",
    Scope.IMAGE: "Of an image: one per app and repository, however many services share it",
    Scope.SERVICE: "Of a service, one after the other, once every image is built",
    Scope.WORKLOAD: "Of a workload of a cluster or of compose, one after the other, once services are open",
}

STATUS = (
    ("`name`, `project`, `region`", "as in the bundle"),
    ("`revision`", "the one that has all the traffic; null where it is split"),
    ("`traffic`", "where requests go now, and tags: `revision`, `percent`, `tag`"),
    ("`image`, `profile`, `service_account`", "of the newest template"),
    ("`env`", '`NAME`: its value, `{"secret", "version"}`, or `***` where the value may be secret'),
    ("`commit`", "that the image was built from, by the journal; null if the journal does not know it"),
    ("`schedule`", "`job`, `cron`, `time_zone`, `due` (UTC) and `paused`"),
    ("`hold`", "`by`, `since` (UTC) and `reason` of a hold of a release; null without one"),
    ("`error`", "why something of it is not known; null if all is"),
)
WORKLOADS = (
    ("`name`", "`ROLL/WORKLOAD`, as in the bundle"),
    ("`image`", "that all of it runs, by digest; null where that is not one"),
    ("`told`", "the image that it was given, as it is written there"),
    ("`commit`", "that the image was built from, by the journal; null if the journal does not know it"),
    ("`unready`", "why not all of it is ready; null if it is"),
    ("`error`", "why nothing of it is known; null if it is"),
)
MISMATCHES = (
    ("`traffic`", "no revision has all of it"),
    ("`newest`", "the newest revision does not serve; image and settings shown are its own"),
    ("`image`", "no release has built it, or it was built from other pins than the app has"),
    ("`hold`", "a hold is in force and no release is open, or it is older than the open one"),
    ("`paused`", "the job is paused, and no release holds it"),
    ("`error`", "something of it cannot be read"),
)


def page() -> str:
    """Return the page."""
    parts = [
        "# The `release` command",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is "
        "out of date. How to release is in [the runbook](../runbooks/release.md), why it is so in "
        "[0013](../adr/0013-release-state-machine.md) and [0014](../adr/0014-pins-alone-decide.md).",
        "## Commands",
        "Results go to standard output; progress and errors to standard error, an error as one line that starts with "
        "`release:`. Exit code 0: done, or everything fits. 1: refused, failed, or something does not fit. 2: the "
        "command line is wrong. `BUNDLE` is a name below `release/bundles/` or a path ending in `.toml`. "
        f"`--builder` is {', '.join(f'`{name}`' for name in BUILDERS)}, or `venv:FOLDER` for a rehearsal.",
        *_commands(),
        "## What status says of services",
        "`release status --json` has a list `services`. All of it is asked at once: a service that does not answer has "
        "an `error`, and the others have none.",
        table(("field", "meaning"), STATUS),
        "What does not fit is in `mismatches`, beside what does not fit of versions, tags and pins. These kinds are of "
        "services:",
        table(("kind", "meaning"), MISMATCHES),
        "Workloads are in a list `workloads`, asked alike:",
        table(("field", "meaning"), WORKLOADS),
        "What does not fit of them is in `mismatches`, too: `running`, not one image by digest; `image`, as above; "
        "`ready`, not all of it is ready; `error`, it cannot be read.",
        "## Steps",
        "One table drives `release apply`, `release plan`, this page and the model check. A step leads its subject "
        "from one stage to the next: it begins only if every guard holds, and is done only if the subject is then seen "
        "to be at its stage. Stages are read from git and the origin, and from the journal what git cannot know.",
        *(part for scope in Scope for part in _steps(scope)),
        "### With `--via-branch`, instead",
        "Pushes go to `release/RUN`, and a person merges it: once for each package, and once for the pins of all apps. "
        "The rows of packages and apps that differ, in their places:",
        table(
            ("of", "step", "from", "to", "guards", "action", "taken back by"),
            (
                (row.scope.value, step, row.takes.value, row.makes.value, *rest)
                for row in VIA_BRANCH
                if row not in TABLE
                for step, *rest in (_row(row),)
            ),
        ),
        "## Guards",
        table(("guard", "what must hold"), ((f"`{guard.name.lower()}`", guard.value) for guard in Guard)),
        "## What can never be",
        "Every state that the table allows is explored in the tests: subjects in any order, a crash after each durable "
        "effect, undo, and other people who push, stage files or publish a tag alone. In none of them is any of these "
        "broken, and from each the release can be finished:",
        "\n".join(f"- {text}" for text in INVARIANTS),
        "With `--via-branch` neither is this, though a person merges, squashes or forgets what is proposed:",
        "\n".join(f"- {text}" for text in VIA_BRANCH_INVARIANTS if text not in INVARIANTS),
        "Services, each with job and ledger, are explored alike: a crash after each durable effect, triggers at "
        "any moment, revisions that do not start, `abandon`, `open`, `rollback` from anywhere, and other people who "
        "write the service, take its traffic, pause, resume or halt between two effects. In no state is any of these "
        "broken, and from each that nobody else disturbed the run comes to its end:",
        "\n".join(f"- {text}" for text in SERVICE_INVARIANTS),
        "Workloads are explored alike: a crash after each durable effect, images that never become ready, `abandon` "
        "and `rollback` from anywhere, and somebody who gives one another image between two steps:",
        "\n".join(f"- {text}" for text in WORKLOAD_INVARIANTS),
        "## The journal",
        "```text\n" + (journal.__doc__ or "").partition("::")[2].strip("\n") + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterable[str]:
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
        yield f"### `{' '.join(['release', name, *(str(one.metavar) for one in arguments)])}`"
        yield str(command.help)
        yield table(("option", "meaning"), ((f"`{_option(one)}`", str(one.help)) for one in options))


def _option(option: Any) -> str:
    return option.opts[0] if option.is_flag else f"{option.opts[0]} {option.metavar or 'PATH'}"


def _steps(scope: Scope) -> Iterable[str]:
    yield f"### {TITLES[scope]}"
    rows = rows_of(scope)
    yield "\n".join(
        ["```mermaid", "stateDiagram-v2", f"    [*] --> {rows[0].takes.value}"]
        + [f"    {row.takes.value} --> {row.makes.value}: {row.step}" for row in rows]
        + [f"    {rows[-1].makes.value} --> [*]", "```"]
    )
    yield table(("step", "guards", "action", "taken back by"), (_row(row) for row in rows))


def _row(row: Row) -> tuple[str, ...]:
    guards = ", ".join(f"`{guard.name.lower()}`" for guard in row.guards)
    return f"`{row.step}`", guards, row.action.value, row.undo.value
