"""Git, through its command line: the only module that knows its options."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from quant_platform_kit.domain.errors import QuantError, Refused
from quant_platform_kit.domain.redaction import hide

from quant_release.settings import child_environment

__all__ = ["Git", "GitError", "Remote"]

REMOTE = "origin"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


class GitError(QuantError):
    """A git command failed."""


class Remote(NamedTuple):
    """What the origin has: the commit of the branch, None without it, and the commit of every tag."""

    head: str | None
    tags: Mapping[str, str]


_Answer = Callable[..., subprocess.CompletedProcess[bytes]]


class Git:
    """A checkout.

    Parameters
    ----------
    keep_open
        File descriptors that every git process keeps open: a lock in them lasts until the last one has ended.
    """

    def __init__(self, root: Path, keep_open: Sequence[int] = ()) -> None:
        self.root, self.keep_open = root, tuple(keep_open)
        self._environment = child_environment(GIT_TERMINAL_PROMPT="0", LC_ALL="C")
        self._answers: dict[tuple[tuple[str, ...], bytes], bytes] = {}
        self._present: set[str] = set()

    def run(self, *arguments: str, stdin: bytes = b"", accept: Sequence[int] = (0,)) -> bytes:
        """Run a command and return its output; `GitError` with its complaint on any other exit code."""
        return self._call(arguments, stdin, accept).stdout

    def about(self, revision: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run a command whose answer depends on a revision only; a commit's is remembered, for it never changes."""
        if _COMMIT.fullmatch(revision) is None:
            return self.run(*arguments, stdin=stdin)
        if (arguments, stdin) not in self._answers:
            self._answers[arguments, stdin] = self.run(*arguments, stdin=stdin)
        return self._answers[arguments, stdin]

    def text(self, *arguments: str) -> str:
        """Run a command and return its output without the last line's end."""
        return self.run(*arguments).decode("utf-8", "replace").rstrip("\n")

    def succeeds(self, *arguments: str) -> bool:
        """Whether a command that answers with its exit code says yes; not knowing an object is a no."""
        return self._call(arguments, b"", (0, 1, 128)).returncode == 0

    def _call(
        self, arguments: Sequence[str], stdin: bytes, accept: Sequence[int]
    ) -> subprocess.CompletedProcess[bytes]:
        return self._soon(arguments, accept)(stdin)

    def _soon(self, arguments: Sequence[str], accept: Sequence[int]) -> _Answer:
        """Begin a command; call what is returned, perhaps with its input, for what it says."""
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=self.root,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=self._environment,
                pass_fds=self.keep_open,
            )
        except FileNotFoundError:
            raise GitError(f"git, or the folder {self.root}, is not there: install git, or name the checkout") from None

        def answer(stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
            with process:
                out, complaint = process.communicate(stdin)
            if process.returncode not in accept:
                said = " ".join(complaint.decode("utf-8", "replace").split()) or f"exit code {process.returncode}"
                raise GitError(f"git {' '.join(arguments[:3])}: {said}")
            return subprocess.CompletedProcess(arguments, process.returncode, out, complaint)

        return answer

    # --- where things are ----------------------------------------------------------------------

    @classmethod
    def at(cls, folder: Path) -> Git:
        """Return the checkout that a folder is in."""
        return cls(Path(cls(folder).text("rev-parse", "--show-toplevel")))

    @classmethod
    def whole_at(cls, folder: Path) -> Git:
        """Return the checkout that a folder is in; `Refused` for one without its history."""
        return cls(cls(folder).where()[0])

    def own_folder(self) -> Path:
        """Return the folder of the release tool inside the git folder of this checkout."""
        return self.root / self.text("rev-parse", "--git-path", "quant-release")

    @cached_property
    def origin(self) -> str | None:
        """The address of the origin as it was given, None without one."""
        done = self._call(("remote", "get-url", REMOTE), b"", (0, 2, 128))
        if done.returncode != 0:
            return None
        url = done.stdout.decode().strip()
        if (parts := urlsplit(url)).scheme in ("http", "https"):
            hide([parts.username or "", parts.password or ""])  # git's complaints quote the address
        return url

    def where(self) -> tuple[Path, str, str | None]:
        """Return the root, the commit of HEAD, and the branch that is checked out, None without one.

        Raises
        ------
        Refused
            The history of the checkout is cut off.
        """
        asked = ("--show-toplevel", "--is-shallow-repository", "HEAD", "--symbolic-full-name", "HEAD")
        root, shallow, commit, ref = self.text("rev-parse", *asked).split("\n")
        if shallow == "true":
            raise Refused(f"{root} is a shallow clone, whose history is cut off: git fetch --unshallow, then again")
        return Path(root), commit, ref.removeprefix("refs/heads/") if ref != "HEAD" else None

    def commit(self, revision: str = "HEAD") -> str:
        """Return the commit that a revision names."""
        return self.text("rev-parse", "--verify", f"{revision}^{{commit}}")

    # --- refs ----------------------------------------------------------------------------------

    def tags(self) -> dict[str, str]:
        """Return the commit of every local tag."""
        return self.tags_soon()()

    def tags_soon(self) -> Callable[[], dict[str, str]]:
        """Begin to list the local tags; call what is returned for them."""
        format_ = "--format=%(refname:strip=2) %(objectname) %(*objectname)"
        listed = self._soon(("for-each-ref", format_, "refs/tags"), (0,))
        return lambda: {name: objects[-1] for name, *objects in map(str.split, listed().stdout.decode().splitlines())}

    def remote(self, branch: str) -> Remote:
        """Ask the origin for the branch and its tags."""
        return self.remote_soon(branch)()

    def remote_soon(self, branch: str) -> Callable[[], Remote]:
        """Begin to ask the origin, which may be far away; call what is returned for the answer."""
        asked = self._soon(("ls-remote", REMOTE, f"refs/heads/{branch}", "refs/tags/*"), (0,))
        return lambda: self._remote(branch, asked().stdout.decode())

    def _remote(self, branch: str, listed: str) -> Remote:
        names: dict[str, str] = {}
        for line in listed.splitlines():
            commit, name = line.split("\t")
            names[name.removesuffix("^{}")] = commit  # the peeled line follows that of the tag object
        tags = {name.removeprefix("refs/tags/"): commit for name, commit in names.items() if "/tags/" in name}
        return Remote(names.get(f"refs/heads/{branch}"), tags)

    def has(self, commit: str) -> bool:
        """Whether a commit is in this repository."""
        if commit not in self._present and self.succeeds("cat-file", "-e", f"{commit}^{{commit}}"):
            self._present.add(commit)
        return commit in self._present

    def fetch(self, ref: str) -> None:
        """Fetch what a ref of the origin leads to; no local ref but the remote-tracking one moves."""
        self.run("fetch", "--quiet", "--no-tags", REMOTE, ref)

    def contains(self, descendant: str, commit: str) -> bool:
        """Whether one commit has another in its history, or is it."""
        if descendant == commit:
            return True
        found = self.about(descendant, "rev-list", "--max-count=1", commit, f"^{descendant}")
        return not found

    # --- contents ------------------------------------------------------------------------------

    def files(self, revision: str, *paths: str) -> list[str]:
        """Return the paths of files below some paths at a revision."""
        listed = self.about(revision, "ls-tree", "-r", "-z", "--name-only", revision, "--", *paths)
        return listed.decode().split("\0")[:-1]

    def blobs(self, revision: str, *paths: str) -> dict[str, str]:
        """Return the object of each file below some paths at a revision."""
        lines = self.about(revision, "ls-tree", "-r", "-z", revision, "--", *paths).decode().split("\0")[:-1]
        return {line.partition("\t")[2]: line.partition("\t")[0].split()[2] for line in lines}

    def read(self, revision: str, paths: Iterable[str]) -> dict[str, bytes | None]:
        """Return the contents of files at a revision, in one process; None for what is not there."""
        wanted = list(paths)
        return dict(zip(wanted, self.objects(revision, [f"{revision}:{path}" for path in wanted]), strict=True))

    def objects(self, revision: str, names: Sequence[str]) -> list[bytes | None]:
        """Return the contents behind names such as ``HEAD:uv.lock``; None for what is not there."""
        stdin = "".join(f"{name}\n" for name in names).encode()
        batch = self.about(revision, "cat-file", "--batch", stdin=stdin)
        found: list[bytes | None] = []
        at = 0
        for _ in names:
            end = batch.index(b"\n", at)
            head, at = batch[at:end], end + 1
            if head.endswith((b" missing", b" ambiguous")):
                found.append(None)
                continue
            size = int(head.rpartition(b" ")[2])
            found.append(batch[at : at + size])
            at += size + 1
        return found

    def archive(self, revision: str, *paths: str) -> bytes:
        """Return files of a revision as a tar archive."""
        return self.run("archive", "--format=tar", revision, "--", *paths)

    # --- the working tree ----------------------------------------------------------------------

    def changed(self, *paths: str) -> list[str]:
        """Return the paths below some paths that differ from HEAD, staged or not, untracked ones included."""
        status = self.run("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *paths)
        return [entry[3:] for entry in status.decode().split("\0")[:-1]]

    def staged(self) -> list[str]:
        """Return the paths whose staged content differs from HEAD."""
        return self.run("diff", "--cached", "--name-only", "--no-renames", "-z").decode().split("\0")[:-1]

    def whitespace(self, *arguments: str) -> str | None:
        """Return what ``git diff --check`` finds, None for nothing."""
        found = self.run("diff", "--check", *arguments, accept=(0, 2)).decode("utf-8", "replace")
        return next((line for line in found.splitlines() if not line.startswith("+")), None)

    def log(self, since: str, until: str) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return commit, subject and touched paths of every commit since another one, newest first."""
        text = self.run("log", "--format=%x01%H%x02%s", "--name-only", "--no-renames", f"{since}..{until}").decode()
        found: list[tuple[str, str, tuple[str, ...]]] = []
        for entry in text.split("\x01")[1:]:
            head, *paths = entry.splitlines()
            commit, _, subject = head.partition("\x02")
            found.append((commit, subject, tuple(path for path in paths if path)))
        return found

    def last_touching(self, revision: str, *paths: str) -> str:
        """Return the last commit that changed some paths."""
        return self.about(revision, "rev-list", "--max-count=1", revision, "--", *paths).decode().strip()

    # --- changes -------------------------------------------------------------------------------

    def stage(self, contents: Mapping[str, bytes]) -> None:
        """Stage contents under paths, whatever the working tree has there."""
        lines: list[str] = []
        for path, data in contents.items():
            blob = self.run("hash-object", "-w", "--stdin", stdin=data).decode().strip()
            lines.append(f"100644 {blob}\t{path}\n")
        self.run("update-index", "--add", "--index-info", stdin="".join(lines).encode())

    def commit_staged(self, message: str) -> None:
        """Commit what is staged."""
        self.run("commit", "--quiet", "--message", message)

    def tag(self, name: str, commit: str, message: str) -> None:
        """Make an annotated tag, which must not exist."""
        self.run("tag", "--annotate", name, commit, "--message", message)

    def untag(self, name: str) -> None:
        """Delete a local tag."""
        self.run("tag", "--delete", name)

    def push(self, *refs: str) -> None:
        """Push HEAD and some tags: all of it arrives, or nothing."""
        self.push_alone("HEAD", *refs)

    def push_alone(self, *refs: str) -> str:
        """Push some refs, never by force: all of them arrive, or none; return what the origin said."""
        done = self._call(("push", "--quiet", "--atomic", REMOTE, *refs), b"", (0,))
        return done.stderr.decode("utf-8", "replace")

    def fast_forward(self, commit: str) -> None:
        """Move the branch, index and working tree to a commit that follows; uncommitted edits are never overwritten."""
        self.run("merge", "--quiet", "--ff-only", commit)

    def drop_last_commit(self, expected: str) -> None:
        """Move the branch to the parent of its last commit; index and working tree stay."""
        self.run("update-ref", "-m", "release: taken back", "HEAD", f"{expected}~1", expected)

    def unstage(self, *paths: str) -> None:
        """Forget what is staged below some paths."""
        if not paths:
            return  # for git, no path would mean every path
        self.run("reset", "--quiet", "HEAD", "--", *paths)
