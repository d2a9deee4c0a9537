"""The requests about jobs, in both versions of the API."""

from __future__ import annotations

from aiohttp import web

from venue_sandbox.cloud.rest import ApiError, invalid, json_object
from venue_sandbox.cloud.run.access import Access
from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.jobs.board import Jobs
from venue_sandbox.cloud.run.jobs.fields import normal
from venue_sandbox.cloud.run.jobs.knative import API, execution_shown, job_shown, overrides_of, read_job
from venue_sandbox.cloud.run.jobs.records import Execution, Job
from venue_sandbox.cloud.run.knative.api import region_of
from venue_sandbox.cloud.run.knative.reading import LOCATION, members
from venue_sandbox.cloud.run.requests import flag, page, who

__all__ = ["JobsApi"]

LOCATIONS = "/v2/projects/{project}/locations/{location}"
ONE = LOCATIONS + "/jobs/{job:[^/:]+}"
NAMESPACE = f"/apis/{API}/namespaces/{{namespace}}"
LABEL = "run.googleapis.com/job="


class JobsApi:
    """The handlers, one for each request."""

    def __init__(self, jobs: Jobs, access: Access) -> None:
        self._jobs = jobs
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post(f"{LOCATIONS}/jobs", self.create_job),
            web.get(f"{LOCATIONS}/jobs", self.list_jobs),
            web.get(ONE, self.get_job),
            web.patch(ONE, self.patch_job),
            web.delete(ONE, self.delete_job),
            web.post(f"{ONE}:run", self.run_job),
            web.get(f"{ONE}/executions", self.list_executions),
            web.get(f"{ONE}/executions/{{execution}}", self.get_execution),
            web.post(f"{NAMESPACE}/jobs", self.create_knative_job),
            web.get(f"{NAMESPACE}/jobs", self.list_knative_jobs),
            web.get(f"{NAMESPACE}/jobs/{{job:[^/:]+}}", self.get_knative_job),
            web.put(f"{NAMESPACE}/jobs/{{job:[^/:]+}}", self.replace_knative_job),
            web.delete(f"{NAMESPACE}/jobs/{{job:[^/:]+}}", self.delete_knative_job),
            web.post(f"{NAMESPACE}/jobs/{{job:[^/:]+}}:run", self.run_knative_job),
            web.get(f"{NAMESPACE}/executions", self.list_knative_executions),
            web.get(f"{NAMESPACE}/executions/{{execution}}", self.get_knative_execution),
        ]

    async def create_job(self, request: web.Request) -> web.Response:
        """Make a job."""
        name = f"{_place(request)}/jobs/{request.query.get('jobId', '')}"
        wanted, dry = normal(await json_object(request)), flag(request, "validateOnly")
        return web.json_response(self._jobs.create(name, wanted, who(request), dry=dry).document())

    async def list_jobs(self, request: web.Request) -> web.Response:
        """Return one page of the jobs."""
        found = self._jobs.of(request.match_info["project"], _place(request))
        return _page(request, "jobs", [each.document() for each in found])

    async def get_job(self, request: web.Request) -> web.Response:
        """Return a job."""
        return web.json_response(self._jobs.get(_name(request)).document())

    async def patch_job(self, request: web.Request) -> web.Response:
        """Write a job whole, as version 2 does."""
        order = await json_object(request)
        version = str(order.get("etag") or "").strip('"')
        return web.json_response(self._jobs.replace(_name(request), normal(order), version, who(request)).document())

    async def delete_job(self, request: web.Request) -> web.Response:
        """Remove a job."""
        return web.json_response(self._jobs.delete(_name(request)).document())

    async def run_job(self, request: web.Request) -> web.Response:
        """Begin an execution, for a caller who may."""
        name = _name(request)
        self._jobs.get(name)
        self._access.require_runner(name, who(request))
        order = await json_object(request) if request.can_read_body else {}
        _, operation = self._jobs.run(name, order.get("overrides") or {}, who(request))
        return web.json_response(operation.document())

    async def list_executions(self, request: web.Request) -> web.Response:
        """Return one page of the executions of a job, the newest first."""
        found = reversed(self._jobs.get(_name(request)).executions)
        return _page(request, "executions", [each.document() for each in found])

    async def get_execution(self, request: web.Request) -> web.Response:
        """Return an execution."""
        name = f"{_name(request)}/executions/{request.match_info['execution']}"
        return web.json_response(self._jobs.execution(name).document())

    async def create_knative_job(self, request: web.Request) -> web.Response:
        """Make a job in the region of its label, or of the host."""
        order = await json_object(request)
        metadata = members(order.get("metadata"), "metadata", None)
        location = members(metadata.get("labels"), "metadata.labels", None).get(LOCATION) or region_of(request)
        if not location:
            raise invalid("metadata.labels", metadata.get("labels"), f"{LOCATION} says where, or the host name does")
        place = f"projects/{request.match_info['namespace']}/locations/{location}"
        name = f"{place}/jobs/{metadata.get('name') or ''}"
        self._jobs.create(name, read_job(order), who(request))
        return web.json_response(job_shown(self._jobs.get(name)))

    async def list_knative_jobs(self, request: web.Request) -> web.Response:
        """Return the jobs."""
        return _listed("Job", [job_shown(each) for each in self._here(request)])

    async def get_knative_job(self, request: web.Request) -> web.Response:
        """Return a job."""
        return web.json_response(job_shown(self._one(request)))

    async def replace_knative_job(self, request: web.Request) -> web.Response:
        """Write a job whole."""
        order, one = await json_object(request), self._one(request)
        version = str(members(order.get("metadata"), "metadata", None).get("resourceVersion") or "")
        self._jobs.replace(one.name, read_job(order), version, who(request))
        return web.json_response(job_shown(one))

    async def delete_knative_job(self, request: web.Request) -> web.Response:
        """Remove a job."""
        self._jobs.delete(self._one(request).name)
        return web.json_response({"status": "Success"})

    async def run_knative_job(self, request: web.Request) -> web.Response:
        """Begin an execution, for a caller who may."""
        one = self._one(request)
        self._access.require_runner(one.name, who(request))
        order = await json_object(request) if request.can_read_body else {}
        execution, _ = self._jobs.run(one.name, overrides_of(order), who(request))
        return web.json_response(execution_shown(execution))

    async def list_knative_executions(self, request: web.Request) -> web.Response:
        """Return the executions, the newest of each job first; of one job if a label says so."""
        wanted = request.query.get("labelSelector", "").replace(" ", "").removeprefix(LABEL)
        jobs = [each for each in self._here(request) if wanted in ("", each.id)]
        return _listed("Execution", [execution_shown(one) for job in jobs for one in reversed(job.executions)])

    async def get_knative_execution(self, request: web.Request) -> web.Response:
        """Return an execution."""
        return web.json_response(execution_shown(self._execution(request)))

    def _here(self, request: web.Request) -> list[Job]:
        """Return the jobs of the region that the host's name begins with, or of all."""
        region = region_of(request)
        found = self._jobs.of(request.match_info["namespace"])
        return [each for each in found if region is None or each.location.endswith(f"/{region}")]

    def _one(self, request: web.Request) -> Job:
        identity = request.match_info["job"]
        for each in self._here(request):
            if each.id == identity:
                return each
        raise ApiError(404, "NOT_FOUND", f"Resource '{identity}' of kind 'JOB' does not exist.")

    def _execution(self, request: web.Request) -> Execution:
        identity = request.match_info["execution"]
        for job in self._here(request):
            for each in job.executions:
                if each.id == identity:
                    return each
        raise ApiError(404, "NOT_FOUND", f"Resource '{identity}' of kind 'EXECUTION' does not exist.")


def _place(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}/locations/{request.match_info['location']}"


def _name(request: web.Request) -> str:
    return f"{_place(request)}/jobs/{request.match_info['job']}"


def _page(request: web.Request, name: str, entries: list[Document]) -> web.Response:
    found, following = page(entries, request.query.get("pageSize", "0"), request.query.get("pageToken", ""))
    shown: Document = {name: found}
    return web.json_response({**shown, "nextPageToken": following} if following else shown)


def _listed(kind: str, entries: list[Document]) -> web.Response:
    return web.json_response({"apiVersion": API, "kind": f"{kind}List", "metadata": {}, "items": entries})
