"""What infra/terraform/gcp would make of a file of variables: its resources with their values, without Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import hcl2  # type: ignore[import-untyped]

from .expressions import Reader, Scope, evaluate

META = frozenset({"__is_block__", "__comments__", "for_each", "depends_on", "lifecycle", "dynamic"})
NUMBER = "PROJECT_NUMBER"


@cache
def _parsed(text: str) -> dict[str, Any]:
    return hcl2.loads(text)


class Instance:
    """One resource: values that are written down, and those that Google would give it."""

    def __init__(self, plan: Plan, kind: str, body: Mapping[str, Any], scope: Scope) -> None:
        self._plan, self.kind, self._body, self._scope = plan, kind, body, scope

    @cached_property
    def values(self) -> dict[str, Any]:
        """All that is written down, blocks as lists."""
        return self._plan.block(self._body, self._scope)

    def get(self, name: str) -> Any:
        """Return a value, by its name in expressions."""
        project = self._plan.variables["project"]
        if self.kind == "google_service_account":
            email = f"{self._written('account_id')}@{project}.iam.gserviceaccount.com"
            return {"email": email, "member": f"serviceAccount:{email}", "name": email}.get(name)
        if self.kind == "google_project_iam_custom_role" and name == "name":
            return f"projects/{project}/roles/{self._written('role_id')}"
        if self.kind == "google_cloud_run_v2_service" and name == "uri":
            return f"https://{self._written('name')}-{NUMBER}.{self._written('location')}.run.app"
        if self.kind == "google_cloud_run_v2_job" and name == "id":
            return f"projects/{project}/locations/{self._written('location')}/jobs/{self._written('name')}"
        if self.kind == "google_secret_manager_secret" and name == "id":
            return self._written("secret_id")
        if self.kind == "google_artifact_registry_repository" and name == "name":
            return self._written("repository_id")
        if self.kind == "google_monitoring_notification_channel" and name == "name":
            return self._written("display_name")
        return self._written(name)

    def _written(self, name: str) -> Any:
        return self._plan.value(self._body[name], self._scope)


class Plan:
    """The resources of a folder of Terraform's files, given variables."""

    def __init__(self, folder: Path, given: Mapping[str, Any]) -> None:
        self.folder = folder
        self.files = {path.name: _parsed(path.read_text("utf-8")) for path in sorted(folder.glob("*.tf"))}
        declared = self._merged("variable")
        self.variables = {name: self._variable(name, body, given) for name, body in declared.items()}
        self.unknown = set(given) - set(declared)
        self._locals = {name: text for body in self._all("locals") for name, text in body.items()}

    def _all(self, kind: str) -> Iterator[Any]:
        for document in self.files.values():
            yield from document.get(kind, [])

    def _merged(self, kind: str) -> dict[str, Any]:
        return {name.strip('"'): body for each in self._all(kind) for name, body in each.items()}

    def resources(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield type, name and body of every resource."""
        for each in self._all("resource"):
            for kind, named in each.items():
                for name, body in named.items():
                    yield kind.strip('"'), name.strip('"'), body

    def instances(self) -> list[Instance]:
        """Return every resource that there would be."""
        found: list[Instance] = []
        for kind, name, _ in self.resources():
            made = self._made(kind, name)
            found += [made] if isinstance(made, Instance) else made.values()
        return found

    def scope(self, **more: Any) -> Scope:
        """Return what names stand for."""
        return _Scope(self, more)

    def local(self, name: str) -> Any:
        """Return a local value."""
        return self.value(self._locals[name], self.scope())

    def of(self, kind: str, name: str) -> Any:
        """Return a resource, or resources by key."""
        return self._made(kind, name)

    def _made(self, kind: str, name: str) -> Any:
        body = next(body for one, other, body in self.resources() if (one, other) == (kind, name))
        if "for_each" not in body:
            return Instance(self, kind, body, self.scope())
        over = self.value(body["for_each"], self.scope())
        pairs = over.items() if isinstance(over, Mapping) else ((each, each) for each in over)
        return {key: Instance(self, kind, body, self.scope(each={"key": key, "value": value})) for key, value in pairs}

    def value(self, written: Any, scope: Scope) -> Any:
        """Return the value of what stands on the right of an equals sign."""
        if isinstance(written, str):
            text = written[2:-1] if written.startswith("${") and written.endswith("}") else written
            return evaluate(text, scope, self.folder)
        if isinstance(written, list):
            return [self.value(each, scope) for each in written]
        if isinstance(written, Mapping):
            pairs = {name.strip('"'): each for name, each in written.items() if name not in META}
            return {name: self.value(each, scope) for name, each in pairs.items()}
        return written

    def block(self, body: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
        """Return the values of a block; blocks in it are lists, those that are repeated by ``dynamic`` too."""
        made: dict[str, Any] = {}
        for name, written in body.items():
            if name in META:
                continue
            blocks = isinstance(written, list) and all(isinstance(each, dict) for each in written) and written
            if blocks and "__is_block__" in written[0]:
                made[name] = [self.block(each, scope) for each in written]
            else:
                made[name] = self.value(written, scope)
        for repeated in body.get("dynamic", []):
            for quoted, how in repeated.items():
                name = quoted.strip('"')
                over = self.value(how["for_each"], scope)
                pairs = over.items() if isinstance(over, Mapping) else enumerate(over)
                for key, value in pairs:
                    inner = {**scope, name: {"key": key, "value": value}}
                    made.setdefault(name, []).append(self.block(how["content"][0], inner))
        return made

    def _variable(self, name: str, body: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        kind = _Kind.read(body["type"])
        if name not in given:
            assert "default" in body, f"the variables lack {name}"
            return self.value(body["default"], {})
        return kind.filled(given[name], name)


class _Scope(Mapping[str, Any]):
    """What names stand for in a plan."""

    def __init__(self, plan: Plan, more: Mapping[str, Any]) -> None:
        self._plan, self.more = plan, more

    def __getitem__(self, name: str) -> Any:
        if name in self.more:
            return self.more[name]
        if name == "var":
            return self._plan.variables
        if name == "local":
            return _Named(self._plan.local)
        if name == "path":
            return {"module": "."}
        if name == "data":
            return {"google_project": {"this": {"number": NUMBER}}}
        if name.startswith("google_"):
            return _Named(lambda other: self._plan.of(name, other))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from {"var", "local", "path", "data", *self.more, *(kind for kind, _, _ in self._plan.resources())}

    def __len__(self) -> int:
        return len(list(iter(self)))


class _Named:
    """Something that is looked up by a name, when it is."""

    def __init__(self, find: Any) -> None:
        self.get = find


class _Kind:
    """The type of a variable, and what stands for what is left out."""

    def __init__(self, name: str, inner: Any = None, default: Any = None, *, optional: bool = False) -> None:
        self.name, self.inner, self.default, self.optional = name, inner, default, optional

    @classmethod
    def read(cls, text: str) -> _Kind:
        """Read a type, which is an expression of its own."""
        scope: dict[str, Any] = {name: cls(name) for name in ("string", "number", "bool", "any")}
        return _TypeReader(text.removeprefix("${").removesuffix("}")).kind(scope)

    def filled(self, value: Any, path: str) -> Any:
        """Return a value with what it leaves out; fail where it has what the type has not."""
        if value is None:
            assert self.optional, f"{path} is null"
            return self.default
        if self.name == "map":
            return {key: self.inner.filled(each, f"{path}.{key}") for key, each in value.items()}
        if self.name in ("set", "list"):
            return sorted(value) if self.name == "set" else list(value)
        if self.name == "object":
            unknown = set(value) - set(self.inner)
            assert not unknown, f"{path} has {unknown}, which its type has not"
            return {key: kind.filled(value.get(key), f"{path}.{key}") for key, kind in self.inner.items()}
        expected = {"string": str, "number": (int, float), "bool": bool}[self.name]
        assert isinstance(value, expected), f"{path} is {value!r}, not a {self.name}"
        return value


class _TypeReader:
    """Reads types: string, set(string), map(object({...})), optional(string, "x")."""

    def __init__(self, text: str) -> None:
        self.reader = Reader(text, Path())

    def kind(self, scope: Mapping[str, _Kind]) -> _Kind:
        name = self.reader.take()
        if not self.reader.takes("("):
            return scope[name]
        if name == "object":
            self.reader.take("{")
            fields: dict[str, _Kind] = {}
            while not self.reader.takes("}"):
                field = self.reader.take()
                self.reader.take("=")
                fields[field] = self.kind(scope)
                self.reader.takes(",")
            self.reader.take(")")
            return _Kind("object", fields)
        inner = self.kind(scope)
        default = self.reader.expression()({}) if self.reader.takes(",") else None
        self.reader.take(")")
        if name == "optional":
            return _Kind(inner.name, inner.inner, default, optional=True)
        return _Kind(name, inner)


def read_variables(path: Path) -> dict[str, Any]:
    """Return the variables of a file."""
    return json.loads(path.read_text("utf-8"))
