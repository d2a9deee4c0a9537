"""The files of a package or an app: written, committed, pushed, and taken back."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from uuid import uuid4

from quant_platform_kit.domain.errors import Refused

from quant_release.repository.edits import locked_at
from quant_release.repository.git import GitError
from quant_release.repository.workspace import LOCK
from quant_release.run.reading import Reading
from quant_release.steps.machine import StepFailed, Subject

__all__ = ["Files"]

_DECLINED = re.compile(r"declined|protected|pull request|merge request", re.IGNORECASE)


class Files:
    """Makes the files of subjects what the bundle says, in the working tree, in HEAD and at the origin."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.git = reading, reading.git

    def write(self, subject: Subject) -> None:
        """Write what is not yet as it is to be."""
        for path, data in self.reading.desired.rewritten(subject).items():
            if data is not None and self.reading.observed.on_disk(path) != data:
                self._place(path, data)

    def _place(self, path: str, data: bytes) -> None:
        """Write a file of the working tree: whole or not at all, and without a trace of the attempt in the tree."""
        temporary, target = self.git.own_folder() / uuid4().hex, self.reading.observed.root / path
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            temporary.chmod(target.stat().st_mode if target.exists() else 0o644)
            os.replace(temporary, target)
        except OSError as error:
            raise StepFailed(f"{path} cannot be written by way of {temporary.parent}: {error.strerror}") from error

    def commit(self, subject: Subject, message: str) -> None:
        """Commit the files of a subject and nothing else."""
        self.git.stage(self.reading.desired.files(subject))
        self.git.commit_staged(message)

    def push(self, is_published: Callable[[], bool], *refs: str) -> None:
        """Push refs; an error of a push that arrived is none."""
        try:
            self.git.push_alone(*refs)
        except GitError as error:
            self.reading.refresh()
            if is_published():
                return
            if self.reading.via is None and _DECLINED.search(str(error)):
                raise GitError(f"{error}; if only pull requests may move the branch: --resume --via-branch") from error
            raise

    def diff(self, subject: Subject) -> str:
        """Return what the commit of a subject changes, as a unified diff."""
        wanted = self.reading.desired.files(subject)
        present = self.reading.observed.at(self.reading.observed.head, *wanted)
        lines: list[str] = []
        for path, data in wanted.items():
            before = present.get(path, b"").decode("utf-8", "replace").splitlines(keepends=True)
            after = data.decode("utf-8", "replace").splitlines(keepends=True)
            start = f"a/{path}" if path in present else "/dev/null"
            lines += difflib.unified_diff(before, after, start, f"b/{path}", n=1 if path == LOCK else 3)
        return "".join(lines)

    # --- what is taken back --------------------------------------------------------------------

    def restore(self, subject: Subject) -> bool:
        """Restore the files that have what this release wrote; those with anything else in them stay."""
        observed, wrote = self.reading.observed, self.reading.desired.rewritten(subject)
        paths = tuple(path for path, data in wrote.items() if observed.on_disk(path) == data)
        at_head = observed.at(observed.head, *paths)
        self.git.unstage(*(path for path in paths if path in observed.staged))
        for path in paths:
            if path == LOCK:
                self._restore_lock(subject)
            elif path in at_head:
                self._place(path, at_head[path])
            else:
                (observed.root / path).unlink(missing_ok=True)
        return True

    def _restore_lock(self, subject: Subject) -> None:
        on_disk = self.reading.observed.on_disk(LOCK)
        if on_disk is not None:
            version = self.reading.observed.workspace.packages[subject.name].version
            self._place(LOCK, locked_at(on_disk, subject.name, version))

    def uncommit(self, subject: Subject, commit: str) -> bool:
        """Remove the commit of a subject; return False if it is at the origin."""
        observed = self.reading.observed
        if self.git.contains(observed.remote_head, commit):
            return False
        if commit != observed.head:
            raise Refused(f"{commit[:12]} is not the last commit of {observed.branch}; take back what follows it first")
        self.git.drop_last_commit(commit)
        self.git.unstage(*self.reading.desired.files(subject))
        return True
