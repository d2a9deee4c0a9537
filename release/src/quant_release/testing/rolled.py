"""A member without ``platform.toml`` whose three workloads are rolled, and a cluster that is a file."""

from __future__ import annotations

from dataclasses import dataclass

from quant_release.cloud.world import Terms
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES
from quant_release.run.opening import Options
from quant_release.testing.clusters import Cluster
from quant_release.testing.rehearsal import Rehearsal

__all__ = [
    "BEFORE",
    "COMPOSE",
    "COMPOSED",
    "FOREIGN",
    "KUBERNETES",
    "NAMES",
    "PLACES",
    "REPOSITORY",
    "Rolled",
    "bundle_of",
    "make_rolled",
    "rolled_in",
]

RELAY = "relay"
REPOSITORY = "registry.invalid/rehearsal/relay"
BEFORE = f"{REPOSITORY}@sha256:{64 * 'a'}"
FOREIGN = f"{REPOSITORY}@sha256:{64 * 'f'}"
NAMES = ("statefulset/archiver", "statefulset/executor", "deployment/ingestor")
PLACES = tuple(f"events {name}" for name in NAMES)
"""The workloads as the cluster knows them."""
COMPOSED = ("tq_submitter", "tq_monitor")
COMPOSE_FILE = "scripts/compose.yml"
_PROJECT = f"""\
[project]
name = "relay-app"
version = "0.0.0"
dependencies = ["{KIT}[web]"]

[dependency-groups]
test = ["pytest"]

[tool.release]
"""
_DOCKERFILE = 'FROM scratch\nARG COMMIT_SHA="unknown"\nARG PINS="unknown"\n'
KUBERNETES = f"""
[rolls.events]
platform = "{RELAY}"
image = "{REPOSITORY}"
by = "kubernetes"
namespace = "events"
workloads = ["statefulset/archiver", "statefulset/executor", "deployment/ingestor"]
"""
COMPOSE = f"""
[rolls.futures]
platform = "{RELAY}"
image = "{REPOSITORY}"
by = "compose"
project = "futures"
compose_file = "{COMPOSE_FILE}"
image_env = "RELAY_IMAGE"
workloads = ["tq_submitter", "tq_monitor"]
"""


def bundle_of(rolls: str) -> str:
    """Return a bundle of packages that are released already, of one app, and of rolls."""
    packages = f'[packages]\n{KIT} = "0.7.8"\n{STRATEGIES} = "0.7.11"\n'
    return f'name = "{BUNDLE}"\nplatforms = ["{RELAY}"]\n\n{packages}{rolls}'


@dataclass(frozen=True, slots=True)
class Rolled:
    """The rehearsal, its cluster, and where its release works."""

    rehearsal: Rehearsal
    cluster: Cluster
    options: Options

    def write_bundle(self, text: str) -> None:
        """Let the bundle say something else."""
        self.rehearsal.write(f"release/bundles/{BUNDLE}.toml", text)

    def fresh(self) -> None:
        """Let every workload run what it ran before."""
        self.cluster.install("RELAY_IMAGE")
        for name in PLACES:
            self.cluster.add(name, BEFORE)
        for name in COMPOSED:
            self.cluster.add(f"futures {name}", BEFORE)


def rolled_in(rehearsal: Rehearsal) -> Rolled:
    """Return what was made in a rehearsal."""
    terms = Terms(timeout=0.2, asking=5.0)
    options = Options(rehearsal.root, "ana", rehearsal.store, local=True, builder="docker", terms=terms)
    return Rolled(rehearsal, Cluster(rehearsal.tools), options)


def make_rolled(rehearsal: Rehearsal, rolls: str = KUBERNETES) -> Rolled:
    """Commit the member and the bundle, and make the cluster."""
    rehearsal.write(f"apps/{RELAY}/pyproject.toml", _PROJECT)
    rehearsal.write(f"apps/{RELAY}/Dockerfile", _DOCKERFILE)
    rehearsal.write(f"apps/{RELAY}/tests/test_it.py", "def test_it(): pass\n")
    rehearsal.write(COMPOSE_FILE, 'services: { tq_submitter: { image: "${RELAY_IMAGE:-relay:latest}" } }\n')
    made = rolled_in(rehearsal)
    made.write_bundle(bundle_of(rolls))
    rehearsal.git.run("add", "--all")
    rehearsal.git.commit_staged("A member that is rolled")
    rehearsal.git.push()
    made.fresh()
    return made
