"""A release bundle: which versions, on which platforms, for which services; ``release/bundles/<name>.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, StrictBool, StringConstraints, ValidationError
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.matrix import matrix
from quant_platform_kit.domain.redaction import HIDDEN
from quant_platform_kit.domain.strategy import StrategyManifest

from quant_release.repository.origins import address
from quant_release.repository.versions import Version
from quant_release.repository.workspace import App, Workspace
from quant_release.rolls import Roll, roll_problems
from quant_release.words import Member, Model, Name, Text, Variable

__all__ = [
    "Bundle",
    "Roll",
    "Secret",
    "Service",
    "Snapshot",
    "check_bundle",
    "find_bundle",
    "is_of_platform",
    "read_bundle",
    "service_problems",
]

FOLDER = Path("release/bundles")

_Job = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,500}$")]
_SecretVersion = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]*|rotating)$")]
_OF_THE_TOOL = frozenset({"ACCOUNT_PREFIX", "ACCOUNT_REGION", "CLOUD_RUN_SERVICE", "IMAGE", "STRATEGY_PROFILE"})
_OF_THE_PLATFORM = frozenset({"COMMIT_SHA", "K_CONFIGURATION", "K_REVISION", "K_SERVICE", "PORT"})
"""What image and Cloud Run set themselves; Cloud Run takes none of its own from a template."""
_OF_AN_IMAGE = frozenset({"platform", "region", "project", "image"})
"""What the image of a member without ``platform.toml`` has."""
_OF_A_PROFILE = frozenset({"profile", "account_prefix", "account_region", "snapshot"})
"""What a service that is not of a platform has not: it runs no profile."""
_MOST_SERVICES, _LONGEST_SHOWN = 100, 200
_NAMES_A_SECRET = "_SECRET_NAME"
"""Settings that end so hold the name of a secret, which the app reads itself."""


def _version_text(text: str) -> str:
    try:
        return str(Version.read(text))
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _address_text(text: str) -> str:
    try:
        return address(text)
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is not None or any(name.endswith("password") for name in parse_qs(parts.query)):
        raise ValueError("it has a password; name a variable of the operator's environment with store_env instead")
    return url


class Secret(Model):
    """A setting whose value is in Secret Manager.

    Attributes
    ----------
    version
        A number, or ``rotating``: whatever is newest when a revision starts.
    """

    secret: Text
    version: _SecretVersion


class Snapshot(Model):
    """Where a snapshot-backed profile finds its inputs.

    Attributes
    ----------
    reconciliation_output
        Of platforms that own it.
    """

    path: Text
    manifest: Text
    strategy_config: Text | None = None
    reconciliation_output: Text | None = None


class Service(Model):
    """One service of a platform, whose name never changes in a switch; or the image of a member that is no service.

    Attributes
    ----------
    platform
        The app.
    image
        Repository of its image, without tag.
    profile
        What it is to run; None leaves the one it has.
    trigger
        The path that its job calls, of a service beside the platform of its app; one of those that the app names.
    secrets
        By setting, never their values; a setting that ends in ``_SECRET_NAME`` holds the name of a secret itself.
    flags
        Settings that this bundle may change; every other one stays as it is.
    schedule
        Name of its Cloud Scheduler job, in the service's region and project.
    service_account, audience
        Who calls it, and for which audience: what the job's identity tokens say.
    store, store_env
        Address of its ledger, or the variable of the operator's environment that holds it.
    live
        Whether it may trade live after the release.
    """

    platform: Member
    region: Name
    project: Name
    image: Text
    profile: str | None = None
    trigger: Text | None = None
    account_prefix: str | None = None
    account_region: str | None = None
    snapshot: Snapshot | None = None
    secrets: Mapping[Variable, Secret | Text] = {}
    flags: Mapping[Variable, str] = {}
    schedule: _Job | None = None
    service_account: Text | None = None
    audience: Text | None = None
    store: Annotated[Text, AfterValidator(_without_password)] | None = None
    store_env: Variable | None = None
    live: StrictBool = False

    @property
    def is_moved(self) -> bool:
        """Whether a release goes on through this service, and does not end at its image."""
        return self.schedule is not None

    @property
    def parent(self) -> str:
        """Project and location, as Google names them."""
        return f"projects/{self.project}/locations/{self.region}"


class Bundle(Model):
    """What a release leads to.

    Attributes
    ----------
    packages
        Target version of every shared package.
    platforms
        Apps whose pins follow, by the names of their folders; a member without ``platform.toml`` is one too.
    services
        By name; several may share one platform.
    rolls
        By name, which no service has: workloads that are rolled in a cluster or with compose.
    rollback
        Pins may go back to tags that exist; no package is released.
    url
        Address of the origin that pins are to name; None for ``[tool.release] url`` of the root's ``pyproject.toml``,
        and without that for the one that the checkout has.
    """

    name: Name
    packages: Mapping[str, Annotated[str, AfterValidator(_version_text)]] = Field(min_length=1)
    platforms: Annotated[tuple[Member, ...], Field(min_length=1)]
    services: Annotated[Mapping[Name, Service], Field(max_length=_MOST_SERVICES)] = {}
    rolls: Annotated[Mapping[Name, Roll], Field(max_length=_MOST_SERVICES)] = {}
    rollback: StrictBool = False
    url: Annotated[Text, AfterValidator(_without_password), AfterValidator(_address_text)] | None = None

    def version(self, package: str) -> Version:
        """Return the target version of a package."""
        return Version.read(self.packages[package])

    @property
    def digest(self) -> str:
        """SHA-256 of all it says."""
        # bundles without one of these have the digest that they always had
        left_out = {name for name, has in (("url", self.url is not None), ("rolls", bool(self.rolls))) if not has}
        return sha256(self.model_dump_json(exclude=left_out).encode())

    @property
    def images(self) -> tuple[tuple[str, str], ...]:
        """App and repository of every image, each once, in the order of the services and the rolls."""
        users = (*self.services.values(), *self.rolls.values())
        return tuple(dict.fromkeys((one.platform, one.image) for one in users))

    @property
    def moved(self) -> Mapping[str, Service]:
        """The services that a release goes on through, by name."""
        return {name: service for name, service in self.services.items() if service.is_moved}

    def require_moved(self, option: str, names: Iterable[str]) -> None:
        """Make sure that a release goes on through services which an option names; `InvalidInput` if not."""
        if unknown := [name for name in names if name not in self.moved]:
            raise InvalidInput(
                f"{option} {unknown[0]}: bundle {self.name} moves none of that name; it moves: "
                f"{', '.join(self.moved) or 'none'}"
            )

    def require_taken(self, option: str, names: Iterable[str]) -> None:
        """Make sure that a release goes on through services or rolls which an option names; `InvalidInput` if not."""
        self.require_moved(option, [name for name in names if name not in self.rolls])

    @property
    def workloads(self) -> Mapping[str, Roll]:
        """The roll of every workload, by ``ROLL/WORKLOAD``, in the order in which they are rolled."""
        return {f"{name}/{one}": roll for name, roll in self.rolls.items() for one in roll.workloads}


def find_bundle(root: Path, name: str) -> Path:
    """Return the file of a bundle: a path as it is, a name below ``release/bundles``."""
    if name.endswith(".toml"):
        return Path(name)
    path = root / FOLDER / f"{name}.toml"
    if not path.is_file():
        known = sorted(one.stem for one in (root / FOLDER).glob("*.toml"))
        raise InvalidInput(f"bundle {name!r} is not in {FOLDER}; there are: {', '.join(known) or 'none'}")
    return path


def read_bundle(path: Path) -> Bundle:
    """Read a bundle.

    Raises
    ------
    InvalidInput
        The file cannot be read, or says something a bundle cannot say.
    """
    try:
        bundle = Bundle.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise InvalidInput(f"bundle {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"bundle {path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        if isinstance(first["input"], Mapping) and first["type"] == "value_error":  # of a table as a whole
            raise InvalidInput(f"bundle {path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
        raise InvalidInput(f"bundle {path}: {where} is {_shown(dict(first))}: {first['msg']}") from None
    if bundle.name != path.stem:
        raise InvalidInput(f"bundle {path}: its name is {bundle.name!r}; name it {path.stem!r}, as the file")
    return bundle


def _shown(error: Mapping[str, Any]) -> str:
    """Return the value of an error, unless it may hold a password or is too long to be read."""
    if error["loc"] and error["loc"][-1] in ("store", "url"):
        return HIDDEN
    text = repr(error["input"])
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def check_bundle(bundle: Bundle, workspace: Workspace, root: Path) -> None:
    """Make sure that a bundle fits the packages, the apps, their ``platform.toml`` and the matrix of profiles.

    Raises
    ------
    InvalidInput
        It names what is not there, or a profile that a platform does not run.
    """
    _check_packages(bundle, workspace)
    for platform in bundle.platforms:
        if platform not in workspace.apps:
            raise InvalidInput(
                f"bundle {bundle.name}: platform {platform!r} is no app that is pinned; "
                f"there are: {', '.join(workspace.apps) or 'none'}"
            )
    owners: dict[str, str] = {}
    for platform, image in bundle.images:
        if owners.setdefault(image, platform) != platform:
            raise InvalidInput(f"bundle {bundle.name}: image {image} is of {owners[image]} and of {platform}; give two")
    manifests = {profile: strategy.manifest for profile, strategy in catalog().items()} if bundle.services else {}
    for name, service in bundle.services.items():
        if service.platform not in bundle.platforms:
            raise InvalidInput(
                f"bundle {bundle.name}: service {name} runs on {service.platform!r}, "
                f"which is not among its platforms: {', '.join(bundle.platforms)}"
            )
        problems = service_problems(service, manifests, workspace.apps[service.platform], root)
        if problems:
            raise InvalidInput(f"bundle {bundle.name}: service {name}: {'; '.join(problems)}")
    _check_rolls(bundle, workspace, root)


def _check_rolls(bundle: Bundle, workspace: Workspace, root: Path) -> None:
    places: dict[str, str] = {}
    for name, roll in bundle.rolls.items():
        if roll.platform not in bundle.platforms:
            problems = [f"{roll.platform!r} is not among the platforms: {', '.join(bundle.platforms)}"]
        elif name in bundle.services:
            problems = ["a service has this name, too; give it another one"]
        else:
            problems = roll_problems(roll, workspace.apps[roll.platform], root)
            others = [places.setdefault(place, name) for place in roll.places]
            problems += [f"roll {other} has a workload of it, too" for other in dict.fromkeys(others) if other != name]
        if problems:
            raise InvalidInput(f"bundle {bundle.name}: roll {name}: {'; '.join(problems)}")


def _check_packages(bundle: Bundle, workspace: Workspace) -> None:
    if unknown := sorted(bundle.packages.keys() - workspace.packages.keys()):
        raise InvalidInput(
            f"bundle {bundle.name}: {unknown[0]!r} is no package that is released; "
            f"there are: {', '.join(workspace.packages)}"
        )
    needed = _needed(bundle, workspace)
    if absent := [name for name in workspace.packages if name in needed and name not in bundle.packages]:
        raise InvalidInput(
            f"bundle {bundle.name} gives no version of {', '.join(absent)}; name every shared package that its apps "
            "pin, and those that these need"
        )


def _needed(bundle: Bundle, workspace: Workspace) -> set[str]:
    """Return the shared packages that a bundle names, that its apps pin, or that one of these needs."""
    apps = (workspace.apps[platform] for platform in bundle.platforms if platform in workspace.apps)
    needed = {*bundle.packages, *(name for app in apps for name in app.uses)}
    for package in reversed([*workspace.packages.values()]):  # each stands after those it depends on
        if package.name in needed:
            needed |= package.requires.keys()
    return needed


def service_problems(
    service: Service, manifests: Mapping[str, StrategyManifest], app: App, root: Path
) -> Sequence[str]:
    """Return what a service says that does not fit its app, each in a sentence."""
    if service.trigger is not None and service.trigger not in app.triggers:
        own = f"its own: {', '.join(app.triggers)}" if app.triggers else "it has none; remove it"
        return [f"{app.folder} has no trigger {service.trigger}: {own}"]
    if not is_of_platform(service, app):
        if not app.triggers:
            return _problems_of_image(service, app)
        return [*_problems_without_account(service, app), *_key_problems(service)]
    platform = read_platform(root / app.platform)
    problems = _key_problems(service)
    if service.profile is None:
        return [*problems, *(["snapshot without a profile"] if service.snapshot else [])]
    manifest = manifests.get(service.profile)
    if manifest is None:
        return [*problems, f"profile {service.profile!r} is not known; known: {', '.join(manifests)}"]
    (row,) = matrix([manifest], [platform])
    if not row.enabled:
        return [*problems, f"profile {service.profile} is not enabled on {platform.name}: {', '.join(row.reasons)}"]
    backed = manifest.input_mode == "snapshot"
    if backed and service.snapshot is None:
        problems.append(f"profile {service.profile} needs a snapshot: add path and manifest")
    if not backed and service.snapshot is not None:
        problems.append(f"profile {service.profile} takes no snapshot; remove the table")
    return problems


def is_of_platform(service: Service, app: App) -> bool:
    """Whether a service is of the app's platform, and not one beside it."""
    return app.is_service and service.trigger is None


def _problems_of_image(service: Service, app: App) -> list[str]:
    """Return which keys only a service has, of a member that is none."""
    given = [name for name in type(service).model_fields if name not in _OF_AN_IMAGE and getattr(service, name)]
    if not given:
        return []
    return [
        f"{app.folder} has no platform.toml: its image is built, no profile runs on it, and no release moves it; "
        f"remove {', '.join(given)}"
    ]


def _problems_without_account(service: Service, app: App) -> list[str]:
    """Return which keys only a service of a platform has, of one that is none."""
    unfit = _OF_A_PROFILE if app.is_service else _OF_A_PROFILE | {"live"}
    given = [name for name in type(service).model_fields if name in unfit and getattr(service, name)]
    if not given:
        return []
    if app.is_service:
        return [f"it is called at {service.trigger}: no profile runs on it; remove {', '.join(given)}"]
    said = f"{app.folder} has no platform.toml: no profile runs on it, and it has no account"
    return [f"{said}; remove {', '.join(given)}"]


def _key_problems(service: Service) -> list[str]:
    """Return which keys of a service do not go together."""
    problems: list[str] = []
    if (service.account_prefix is None) != (service.account_region is None):
        problems.append("account_prefix and account_region go together")
    moved = {"schedule": service.schedule, "service_account": service.service_account, "audience": service.audience}
    moved["store or store_env"] = service.store or service.store_env
    absent = [name for name, value in moved.items() if value is None]
    if 0 < len(absent) < len(moved):
        problems.append(f"{', '.join(absent)} is missing; give all of {', '.join(moved)}, or none to stop at images")
    if service.store is not None and service.store_env is not None:
        problems.append("store and store_env are two addresses of one ledger; give one")
    if service.live and not service.is_moved:
        problems.append("live = true without a schedule: nothing of it is moved")
    return [*problems, *_setting_problems(service)]


def _setting_problems(service: Service) -> list[str]:
    """Return which settings cannot be meant."""
    problems: list[str] = []
    for name, secret in service.secrets.items():
        is_name = name.endswith(_NAMES_A_SECRET)
        if isinstance(secret, str) and not is_name:
            problems.append(f'{name} = "{secret}" says no version; write {{ secret = "{secret}", version = "7" }}')
        if isinstance(secret, Secret) and is_name:
            problems.append(f"{name} holds the name of a secret, not its value; write it as a text")
        if name in service.flags:
            problems.append(f"{name} is a flag and a secret; give one")
    if own := sorted((_OF_THE_TOOL | _OF_THE_PLATFORM) & {*service.flags, *service.secrets}):
        problems.append(f"{own[0]} is no flag: it is set by the bundle's own keys, or never changes")
    if "STORE_URL" in {*service.flags, *service.secrets}:
        problems.append("STORE_URL is no flag: a service keeps its ledger")
    return problems
