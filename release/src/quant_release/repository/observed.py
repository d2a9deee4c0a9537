"""What is there at one instant: HEAD, working tree, local tags, and the origin; each asked for once, when needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from quant_platform_kit.domain.errors import Refused

from quant_release.repository.git import Git, Remote
from quant_release.repository.origins import address
from quant_release.repository.workspace import Package, Workspace, read_workspace

__all__ = ["ObservedState"]


class ObservedState:
    """A reading of a checkout and its origin."""

    def __init__(self, git: Git) -> None:
        self.git = git

    @property
    def branch(self) -> str:
        """The branch that is checked out."""
        branch = self._where[2]
        if branch is None:
            raise Refused("no branch is checked out here; check out the one that is released from")
        return branch

    @property
    def head(self) -> str:
        """The commit of HEAD."""
        return self._where[1]

    @cached_property
    def _where(self) -> tuple[Path, str, str | None]:
        return self.git.where()

    @cached_property
    def workspace(self) -> Workspace:
        """Packages and apps as HEAD has them."""
        return read_workspace(self.git, self.head)

    @cached_property
    def tags(self) -> dict[str, str]:
        """Local tags."""
        return self.git.tags()

    @cached_property
    def remote(self) -> Remote:
        """The origin, with the commits of its branch fetched."""
        if self.git.origin is None:
            raise Refused("this checkout has no origin; add the one that services install from: git remote add origin")
        remote = self.git.remote(self.branch)
        if remote.head is not None and not self.git.has(remote.head):
            self.git.fetch(f"refs/heads/{self.branch}")
        return remote

    @cached_property
    def remote_head(self) -> str:
        """The commit of the origin's branch."""
        if self.remote.head is None:
            raise Refused(f"the origin has no branch {self.branch}; push it first: git push origin {self.branch}")
        return self.remote.head

    @cached_property
    def url(self) -> str:
        """The address of the origin, as requirements name it."""
        return address(self.git.origin or "")

    @cached_property
    def changed(self) -> frozenset[str]:
        """Paths that differ from HEAD."""
        return frozenset(self.git.changed())

    @cached_property
    def staged(self) -> tuple[str, ...]:
        """Paths that are staged."""
        return tuple(self.git.staged())

    def at(self, commit: str, *paths: str) -> dict[str, bytes]:
        """Return contents of files at a commit; what is not there is left out."""
        return {path: data for path, data in self.git.read(commit, paths).items() if data is not None}

    def on_disk(self, path: str) -> bytes | None:
        """Return the content of a file of the working tree, None if it is not there."""
        try:
            return (self.git.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def tagged(self, tag: str, package: str) -> Package | None:
        """Return a package as the commit of a tag at the origin has it, None without such a commit or package."""
        commit = self.remote.tags.get(tag)
        if commit is None:
            return None
        if not self.git.has(commit):
            self.git.fetch(f"refs/tags/{tag}")
        return read_workspace(self.git, commit).packages.get(package)

    @property
    def root(self) -> Path:
        """The folder of the checkout."""
        return self.git.root
