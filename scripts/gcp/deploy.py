"""Deploy services of one app by hand, as bootstrap.sh makes them; each line is printed, then run.

For the day on which there is no release: afterwards `release` finds a revision that it does not know, and says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from gcp.apps import APPS, FOLDER
from gcp.gcloud import STOPPED, Gcloud, line
from gcp.lines import deploy_job, deploy_service
from gcp.variables import IMAGE, Refused, Service, Site, read_site

JOB = "snapshots"


def main() -> int:
    """Do what the command line says; return the exit status."""
    program, *words = sys.argv[1:]  # the script that was called, and what it was given
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("app", choices=[*APPS, JOB])
    parser.add_argument("variables", type=Path, help="such as infra/terraform/gcp/mine.tfvars.json")
    parser.add_argument("--service", metavar="NAME", help="this service alone; all of the app if absent")
    parser.add_argument("--image", metavar="REPOSITORY@sha256:DIGEST", help="instead of the one in the variables")
    parser.add_argument("--dry-run", action="store_true", help="print each line, and run none")
    options = parser.parse_args(words)
    try:
        site = read_site(options.variables)
        if options.image is not None and not IMAGE.fullmatch(options.image):
            raise Refused(
                f"--image is {options.image!r}; name it by digest, REPOSITORY@sha256:..., as the release does"
            )
        calls = _calls(site, options.app, options.service, options.image)
        os.chdir(FOLDER.parents[1])
        for words in calls:
            print(line(words), flush=True)
            if not options.dry_run:
                Gcloud(site.project).write(words, "roles/run.developer")
    except Refused as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: stopped; Google may have taken the last line above", file=sys.stderr)
        return STOPPED
    return 0


def _calls(site: Site, app: str, service: str | None, image: str | None) -> list[list[str]]:
    if app == JOB:
        if site.snapshots is None:
            raise Refused("the variables name no job of snapshots")
        job = site.snapshots if image is None else dataclasses.replace(site.snapshots, image=image)
        return [deploy_job(site, job)]
    found = [each for each in site.services if each.app.name == app and service in (None, each.name)]
    if not found:
        known = ", ".join(each.name for each in site.services if each.app.name == app) or "none"
        raise Refused(f"no service {service or ''} of {app}; the variables name: {known}")
    return [deploy_service(site, _with(each, image)) for each in found]


def _with(service: Service, image: str | None) -> Service:
    return service if image is None else dataclasses.replace(service, image=image)


if __name__ == "__main__":
    sys.exit(main())
