"""Commits that come onto the origin's branch by way of one of their own, which a person merges."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.ports.clock import Clock

from quant_release.repository.git import GitError
from quant_release.run.reading import Reading
from quant_release.steps.machine import StepFailed

__all__ = ["PLACEHOLDER", "MergeTerms", "Merging", "branch_of"]

PLACEHOLDER = "release/RUN"
"""The branch of a run that has not begun."""
_ADDRESS = re.compile(r"https?://\S+")


def branch_of(run: str) -> str:
    """Return the branch that a person merges in a run."""
    return f"release/{run}"


def _unheard(_text: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class MergeTerms:
    """How commits come onto a branch that only a person may move.

    Attributes
    ----------
    wanted
        Whether a run goes this way; one that was begun so goes on so.
    patience, poll
        Seconds to wait for the merge, and from one look to the next.
    say
        Is told what a person has to do.
    """

    wanted: bool = False
    patience: float = 1200.0
    poll: float = 5.0
    say: Callable[[str], None] = _unheard
    clock: Clock = field(default_factory=SystemClock)


class Merging:
    """Brings HEAD onto the origin's branch, and the checkout to what is there then."""

    def __init__(self, reading: Reading, terms: MergeTerms) -> None:
        self.reading, self.git, self.terms = reading, reading.git, terms

    def bring(self, is_there: Callable[[], bool]) -> None:
        """Push HEAD to the run's branch, and wait until the origin's branch has it as it is.

        Parameters
        ----------
        is_there
            Whether the origin's branch has what the commits change, as those commits or as others.

        Raises
        ------
        Refused
            The commits were squashed or rebased, or the run's branch has gone another way.
        StepFailed
            Nobody has merged them in time.
        """
        commit, via = self.reading.observed.head, self.reading.via
        assert via is not None  # the table has this step for such runs only
        self._propose(commit, via)
        deadline = self.terms.clock.monotonic() + self.terms.patience
        self.reading.refresh()
        while not self.git.contains(self.reading.observed.remote_head, commit):
            branch = f"origin/{self.reading.observed.branch}"
            if is_there():
                raise Refused(
                    f"{branch} has what {via} changes, but not its commit {commit[:12]}: it was squashed or rebased; "
                    "`release abandon`, git pull, then apply again, and what was merged is released"
                )
            if self.terms.clock.monotonic() >= deadline:
                raise StepFailed(
                    f"nobody has merged {via} into {branch} within {self.terms.patience / 60:g} min: merge it with a "
                    "merge commit or by fast-forward, then --resume"
                )
            self.terms.clock.sleep(self.terms.poll)
            self.reading.refresh()

    def _propose(self, commit: str, via: str) -> None:
        """Push HEAD to the run's branch, unless that has it already, and say what is to be merged."""
        try:
            said = self.git.push_alone(f"HEAD:refs/heads/{via}")
        except GitError as error:
            proposed = self.git.remote(via).head
            if proposed is None:
                raise
            self.git.fetch(f"refs/heads/{via}")
            if not self.git.contains(proposed, commit):
                raise Refused(
                    f"{via} at the origin is at {proposed[:12]}, which is not of this release: delete it with "
                    f"git push origin --delete {via}, then --resume"
                ) from error
            said = ""
        where = f" ({address[0]})" if (address := _ADDRESS.search(said)) else ""
        self.terms.say(
            f"merge {via} into {self.reading.observed.branch}{where}: with a merge commit or by fast-forward, "
            "neither squashed nor rebased"
        )

    def commands(self) -> Sequence[str]:
        """Return what brings HEAD onto the origin's branch, as it could be typed."""
        branch = self.reading.observed.branch
        return f"git push origin HEAD:{self.reading.via}", f"(a person merges {self.reading.via} into {branch})"

    def catch_up(self) -> None:
        """Fast-forward the checkout to the origin's branch, if that has all of HEAD.

        Raises
        ------
        Refused
            Uncommitted edits are in the way.
        """
        observed = self.reading.observed
        if observed.head == observed.remote_head or not self.git.contains(observed.remote_head, observed.head):
            return
        try:
            self.git.fast_forward(observed.remote_head)
        except GitError as error:
            raise Refused(
                f"this checkout cannot follow origin/{observed.branch} to {observed.remote_head[:12]}: {error}; "
                "stash or commit elsewhere what is yours, then --resume"
            ) from error
        self.reading.refresh()
