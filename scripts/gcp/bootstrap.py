"""Bring a project of Google Cloud to where `release` can move its services, with gcloud alone.

What is there already is left as it is, so it can be run again at any time, also after it was killed. The variables are
those of infra/terraform/gcp: what Terraform makes and what this makes are the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gcp.apps import FOLDER
from gcp.foundation import apis, foundation, given
from gcp.gcloud import STOPPED, Gcloud, line
from gcp.lines import no_image
from gcp.needs import Call, Need, Words
from gcp.observing import channels, telling
from gcp.running import schedules, services, waiting
from gcp.variables import Refused, Site, read_site

__all__ = ["Stage", "stages"]

ROOT = FOLDER.parents[1]
AT_ONCE = 4
"""Calls side by side: each is a process of its own, and takes a second."""

Stage = Callable[[Site], list[Need]]


def stages(site: Site) -> list[list[Need]]:
    """Return what has to be there: what is needed first comes first, and needs of one stage go side by side."""
    return [
        [apis(site)],
        foundation(site),
        given(site, "project", "repository", "bucket", "secret", "account"),
        [*services(site), *channels(site)],
        [*given(site, "service", "job"), *schedules(site), *telling(site)],
    ]


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="bootstrap.sh", description=__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="print each call for an empty project; ask nothing")
    how.add_argument(
        "--check", action="store_true", help="say what is missing and change nothing; exit 1 if anything is"
    )
    parser.add_argument("variables", type=Path, help="such as infra/terraform/gcp/mine.tfvars.json")
    options = parser.parse_args()
    try:
        site = read_site(options.variables)
        os.chdir(ROOT)
        if options.dry_run:
            return _print(site)
        return _check(site) if options.check else _make(site)
    except Refused as error:
        print(f"bootstrap.sh: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bootstrap.sh: stopped; run it again: what is there by then is left as it is", file=sys.stderr)
        return STOPPED


def _print(site: Site) -> int:
    for stage in stages(site):
        for need in stage:
            for call in need.missing([None] * len(need.reads)):
                print(line(call.words))
    return _say_waiting(site)


def _check(site: Site) -> int:
    gcloud, left = Gcloud(site.project), 0
    for number, stage in enumerate(stages(site)):
        for need, calls in _left(gcloud, stage):
            for call in calls:
                print(f"{need.name}: {call.what or line(call.words)}")
            left += len(calls)
        if left and number == 0:
            print("nothing else can be asked for before the APIs are enabled")
            break
    return 1 if _say_waiting(site) or left else 0


def _make(site: Site) -> int:
    gcloud, made = Gcloud(site.project), 0
    for stage in stages(site):
        work = [(need, calls) for need, calls in _left(gcloud, stage) if calls]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = [pool.submit(_carry_out, gcloud, need, calls) for need, calls in work]
        failed = [error for each in done if (error := each.exception()) is not None]
        for error in failed[1:]:
            if not isinstance(error, Refused):
                raise error
            print(f"bootstrap.sh: {error}", file=sys.stderr)
        if failed:
            raise failed[0]
        made += sum(len(calls) for _, calls in work)
    print(
        f"{made} calls changed something; run `release` from now on: it alone moves what services run", file=sys.stderr
    )
    return _say_waiting(site)


def _left(gcloud: Gcloud, stage: Sequence[Need]) -> list[tuple[Need, Sequence[Call]]]:
    """Return the calls that are left to make for each need of a stage, each read being made once."""
    roles: dict[Words, str] = {words: need.role for need in stage for words in need.reads}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        reading = {words: pool.submit(gcloud.read, words, role) for words, role in roles.items()}
    found = {words: each.result() for words, each in reading.items()}
    return [(need, need.missing(_of(need, found))) for need in stage]


def _of(need: Need, found: dict[Words, Any]) -> list[Any]:
    return [found[words] for words in need.reads]


def _carry_out(gcloud: Gcloud, need: Need, calls: Iterable[Call]) -> None:
    for call in calls:
        print(line(call.words), flush=True)
        gcloud.write(call.words, need.role)


def _say_waiting(site: Site) -> int:
    left = waiting(site)
    for name, app in left:
        print(f"bootstrap.sh: {no_image(name, app)}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
