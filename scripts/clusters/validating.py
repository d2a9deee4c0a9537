"""Manifests against the schemas of one version of Kubernetes; a kind without a schema is a fault."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from kubernetes_validate import utils

__all__ = ["documents", "faults"]

Document = dict[str, Any]

# The same definitions are read for every document; they are 2 MB.
utils.schema_contents = functools.cache(utils.schema_contents)


def documents(file: Path) -> list[Document]:
    """Return the documents of a file, empty ones left out."""
    return [each for each in yaml.load_all(file.read_text("utf-8"), yaml.CSafeLoader) if each]


def faults(file: str, manifests: Iterable[Document], version: str) -> list[str]:
    """Return a line for each document that is not valid, strictly, or whose kind is not known."""
    known = {utils.major_minor(each) for each in utils.all_versions()}
    if utils.major_minor(version) not in known:
        return [
            f"{file}: kubernetes-validate has no schemas of Kubernetes {version}; it has {', '.join(sorted(known))}"
        ]
    return [line for each in manifests if (line := _fault(file, each, version))]


def _fault(file: str, manifest: Document, version: str) -> str:
    name = f"{manifest.get('kind')}/{manifest.get('metadata', {}).get('name')}"
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = ".".join(map(str, error.path)) or "document"
        return f"{file}: {name}: {where}: {error.message}"
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError) as error:
        return f"{file}: {name}: {error.message}"
    return ""
