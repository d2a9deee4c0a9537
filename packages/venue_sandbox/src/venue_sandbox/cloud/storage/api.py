"""The requests of the JSON API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from venue_sandbox.cloud.enforcing import Needed, enforcing
from venue_sandbox.cloud.policies import BadPolicy, Policies, StalePolicy
from venue_sandbox.cloud.storage.errors import ApiError, denied, error_for, invalid, no_object, stale
from venue_sandbox.cloud.storage.fields import select
from venue_sandbox.cloud.storage.listing import Listing
from venue_sandbox.cloud.storage.preconditions import Preconditions, Version
from venue_sandbox.cloud.storage.resources import CHOSEN, bucket_resource, check_sums, media_headers, object_resource
from venue_sandbox.cloud.storage.state import Blob, Resource, State, Upload
from venue_sandbox.cloud.storage.uploads import (
    CHUNK_BYTES,
    ContentRange,
    byte_range,
    read_multipart,
    read_resource,
)
from venue_sandbox.servers.control import control_routes, faulty
from venue_sandbox.servers.faults import FaultBook

__all__ = ["application"]

BUCKETS = "/storage/v1/b"
POLICY = "/storage/v1/b/{bucket}/iam"
OBJECTS = "/storage/v1/b/{bucket}/o"
OBJECT = "/storage/v1/b/{bucket}/o/{name:.+}"
UPLOADS = "/upload/storage/v1/b/{bucket}/o"
MEDIA = "/download/storage/v1/b/{bucket}/o/{name:.+}"
PERMISSIONS = {
    **{"create_bucket": "storage.buckets.create", "buckets": "storage.buckets.list", "bucket": "storage.buckets.get"},
    **{"update_bucket": "storage.buckets.update", "get_policy": "storage.buckets.getIamPolicy"},
    **{"set_policy": "storage.buckets.setIamPolicy", "list": "storage.objects.list", "get": "storage.objects.get"},
    **{"media": "storage.objects.get", "delete": "storage.objects.delete"},
    **{"insert": "storage.objects.create", "resume": "storage.objects.create"},
}
"""What operations take."""
LONGEST_BODY = 1 << 30
RESUME_INCOMPLETE = 308


def application(state: State, policies: Policies | None = None) -> web.Application:
    """Return the service over a state; with policies it keeps to them."""
    state.buckets.policies = policies or state.buckets.policies
    book, api = FaultBook(), Api(state)
    middlewares = [faulty(book, _operation, _refuse), _errors, enforcing(policies, partial(_needs, state), denied)]
    made = web.Application(middlewares=middlewares, client_max_size=LONGEST_BODY)
    made.add_routes(control_routes(book))
    made.add_routes(
        [
            web.post(BUCKETS, api.create_bucket),
            web.get(BUCKETS, api.list_buckets),
            web.get(BUCKETS + "/{bucket}", api.get_bucket),
            web.patch(BUCKETS + "/{bucket}", api.patch_bucket),
            web.get(POLICY, api.get_policy),
            web.put(POLICY, api.put_policy),
            web.get(OBJECTS, api.list_objects),
            web.get(OBJECT, api.get_object),
            web.get(MEDIA, api.get_object),
            web.delete(OBJECT, api.delete_object),
            web.post(UPLOADS, api.begin_upload),
            web.put(UPLOADS, api.resume_upload),
        ]
    )
    return made


class Api:
    """The handlers, one for each request."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def create_bucket(self, request: web.Request) -> web.Response:
        """Create a bucket; 409 if it is there."""
        wanted = read_resource(await request.read())
        name = wanted.get("name")
        if not isinstance(name, str) or not name:
            raise invalid("Required: name of the bucket")
        if not self._state.buckets.create(name, request.query.get("project", ""), wanted):
            raise ApiError(
                409, "conflict", "Your previous request to create the named bucket succeeded and you own it."
            )
        return _answer(request, bucket_resource(self._state.buckets.get(name)))

    async def list_buckets(self, request: web.Request) -> web.Response:
        """Return the buckets of a project."""
        found = self._state.buckets.of(request.query.get("project", ""))
        begin = request.query.get("prefix", "")
        items = [bucket_resource(each) for each in found if each.name.startswith(begin)]
        return _answer(request, {"kind": "storage#buckets", "items": items})

    async def get_bucket(self, request: web.Request) -> web.Response:
        """Return a bucket's resource."""
        return _answer(request, bucket_resource(self._state.buckets.get(request.match_info["bucket"])))

    async def patch_bucket(self, request: web.Request) -> web.Response:
        """Replace settings of a bucket."""
        changes = read_resource(await request.read())
        wanted = request.query.get("ifMetagenerationMatch")
        return _answer(
            request, bucket_resource(self._state.buckets.patch(request.match_info["bucket"], changes, wanted))
        )

    async def get_policy(self, request: web.Request) -> web.Response:
        """Return who may do what with a bucket."""
        bucket = self._state.buckets.get(request.match_info["bucket"]).name
        return _answer(request, {"kind": "storage#policy", **self._state.buckets.policies.get(bucket)})

    async def put_policy(self, request: web.Request) -> web.Response:
        """Replace who may do what with a bucket."""
        bucket = self._state.buckets.get(request.match_info["bucket"]).name
        wanted = read_resource(await request.read())
        try:
            return _answer(request, {"kind": "storage#policy", **self._state.buckets.policies.put(bucket, wanted)})
        except BadPolicy as error:
            raise invalid(str(error)) from error
        except StalePolicy as error:
            raise stale() from error

    async def list_objects(self, request: web.Request) -> web.Response:
        """Return one page of a bucket."""
        bucket = request.match_info["bucket"]
        page = Listing.read(request.query).page(self._state.names(bucket))
        found = (self._state.find(bucket, name) for name in page.names)
        document: dict[str, Any] = {"kind": "storage#objects"}
        if items := [object_resource(blob) for blob in found if blob is not None]:
            document["items"] = items
        if page.prefixes:
            document["prefixes"] = list(page.prefixes)
        if page.token is not None:
            document["nextPageToken"] = page.token
        return _answer(request, document)

    async def get_object(self, request: web.Request) -> web.Response:
        """Return an object's resource, or its content where the request asks for media."""
        blob = self._blob(request, reading=True)
        if not _wants_media(request):
            return _answer(request, object_resource(blob))
        headers = media_headers(blob)
        try:
            part = byte_range(request.headers.get("Range"), len(blob.data))
        except IndexError:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(blob.data)}"})
        if part is None:
            return web.Response(body=blob.data, headers=headers)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(blob.data)}"
        return web.Response(status=206, body=blob.data[part], headers=headers)

    async def delete_object(self, request: web.Request) -> web.Response:
        """Delete an object."""
        self._state.delete(self._blob(request, reading=False), Preconditions.read(request.query))
        return web.Response(status=204)

    async def begin_upload(self, request: web.Request) -> web.Response:
        """Write an object at once, or begin an upload in chunks."""
        kind = request.query.get("uploadType")
        body = await request.read()
        if kind == "multipart":
            resource, part = read_multipart(request.headers.get("Content-Type", ""), body)
            upload = _upload(request, resource, part.content_type)
            return self._write(request, replace(upload, data=part.data))
        if kind == "media":
            upload = _upload(request, {}, request.headers.get("Content-Type"))
            return self._write(request, replace(upload, data=body))
        if kind == "resumable":
            upload = _upload(request, read_resource(body), request.headers.get("X-Upload-Content-Type"))
            return self._begin(request, upload)
        raise invalid(f"Invalid value for uploadType: {kind}")

    async def resume_upload(self, request: web.Request) -> web.Response:
        """Take a chunk, or answer how much has come."""
        identity = request.query.get("upload_id", "")
        upload = self._state.upload(identity)
        body = await request.read()
        chunk = ContentRange.read(request.headers.get("Content-Range"), len(body))
        # What does not continue where the upload stands is left out: the answer says where that is.
        if chunk.start is not None and chunk.start <= len(upload.data) <= chunk.start + len(body):
            upload = replace(upload, data=upload.data[: chunk.start] + body)
        if chunk.total is None or len(upload.data) < chunk.total:
            if len(upload.data) % CHUNK_BYTES:
                raise invalid(f"A chunk that is not the last must be a multiple of {CHUNK_BYTES} bytes")
            self._state.keep(identity, upload.data)
            return _incomplete(upload)
        answer = self._write(request, upload)
        self._state.end(identity)
        return answer

    def _blob(self, request: web.Request, *, reading: bool) -> Blob:
        """Return the object of a request, if the preconditions of a read hold."""
        bucket, name = request.match_info["bucket"], request.match_info["name"]
        blob = self._state.find(bucket, name)
        if reading:
            Preconditions.read(request.query).check_read(Version() if blob is None else blob.version)
        generation = request.query.get("generation")
        if reading and generation is not None:
            older = (each for each in self._state.versions(bucket, name) if str(each.generation) == generation)
            blob = next(older, blob)
        if blob is None or generation not in (None, str(blob.generation)):
            raise no_object(bucket, name)
        return blob

    def _begin(self, request: web.Request, upload: Upload) -> web.Response:
        present = self._state.find(upload.bucket, upload.name)
        Preconditions.read(upload.query).check_write(Version() if present is None else present.version)
        identity = self._state.begin(upload)
        place = request.url.with_query({"uploadType": "resumable", "upload_id": identity})
        return web.Response(headers={"Location": str(place), "X-GUploader-UploadID": identity})

    def _write(self, request: web.Request, upload: Upload) -> web.Response:
        self._state.buckets.get(upload.bucket)
        check_sums(upload.data, upload.resource, request.headers)
        chosen = {name: value for name, value in upload.resource.items() if name in CHOSEN}
        blob = self._state.put(replace(upload, resource=chosen), Preconditions.read(upload.query))
        return _answer(request, object_resource(blob))


def _upload(request: web.Request, resource: Resource, content_type: str | None) -> Upload:
    """Return the upload of a request, still without content."""
    name = resource.get("name") or request.query.get("name")
    if not isinstance(name, str) or not name:
        raise invalid("Required: name of the object")
    if content_type is not None:
        resource = {"contentType": content_type, **resource}
    return Upload(request.match_info["bucket"], name, resource, dict(request.query))


def _incomplete(upload: Upload) -> web.Response:
    headers = {"Range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
    return web.Response(status=RESUME_INCOMPLETE, headers=headers)


def _answer(request: web.Request, document: Resource) -> web.Response:
    return web.json_response(select(document, request.query.get("fields")))


def _wants_media(request: web.Request) -> bool:
    return request.query.get("alt") == "media" or request.path.startswith("/download/")


async def _needs(state: State, request: web.Request) -> list[Needed]:
    """Return what a request takes; a write over an object that is there takes its deletion too."""
    operation, bucket = _operation(request), request.match_info.get("bucket", "")
    if operation not in PERMISSIONS:
        return []
    project = state.buckets.get(bucket).project if bucket else request.query.get("project", "")
    where = (*([bucket] if bucket else []), f"projects/{project}")
    found = [Needed(PERMISSIONS[operation], where)]
    name = request.query.get("name", "")
    if operation == "insert" and request.query.get("uploadType") == "multipart":
        name = str(read_multipart(request.headers.get("Content-Type", ""), await request.read())[0].get("name", name))
    elif operation == "insert" and request.query.get("uploadType") == "resumable":
        name = str(read_resource(await request.read()).get("name", name))
    return [*found, Needed("storage.objects.delete", where)] if name and state.find(bucket, name) else found


def _operation(request: web.Request) -> str:
    """Name the operation of a request."""
    place = request.match_info.route.resource
    where = "" if place is None else place.canonical
    table: Mapping[tuple[str, str], str] = {
        ("POST", BUCKETS): "create_bucket",
        ("GET", BUCKETS): "buckets",
        ("GET", BUCKETS + "/{bucket}"): "bucket",
        ("PATCH", BUCKETS + "/{bucket}"): "update_bucket",
        ("GET", POLICY): "get_policy",
        ("PUT", POLICY): "set_policy",
        ("GET", OBJECTS): "list",
        ("GET", "/storage/v1/b/{bucket}/o/{name}"): "media" if _wants_media(request) else "get",
        ("GET", "/download/storage/v1/b/{bucket}/o/{name}"): "media",
        ("DELETE", "/storage/v1/b/{bucket}/o/{name}"): "delete",
        ("POST", UPLOADS): "insert",
        ("PUT", UPLOADS): "resume",
    }
    return table.get((request.method.replace("HEAD", "GET"), where), "unknown")


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors in the shape of the API."""
    try:
        return await handler(request)
    except ApiError as error:
        return _shape(request, error)
    except web.HTTPNotFound:
        return _shape(request, ApiError(404, "notFound", f"Not Found: {request.path}"))
    except web.HTTPMethodNotAllowed:
        return _shape(request, ApiError(405, "methodNotAllowed", f"{request.method} {request.path} is not served"))


def _refuse(request: web.Request, status: int) -> web.Response:
    return _shape(request, error_for(status))


def _shape(request: web.Request, error: ApiError) -> web.Response:
    if error.status == 304:
        return web.Response(status=error.status)
    if _wants_media(request):
        return web.Response(status=error.status, text=error.message, content_type="text/html")
    return web.json_response(error.document(), status=error.status)
