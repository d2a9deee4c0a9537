"""What a release works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from quant_platform_kit.domain.errors import Refused

from quant_release.images.builders import Builder
from quant_release.repository.git import Git
from quant_release.run.clean_environments import CleanEnvironments
from quant_release.run.journal import Journal
from quant_release.run.merging import MergeTerms

__all__ = ["Tools"]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a release works with.

    Attributes
    ----------
    journal
        None where nothing is recorded: nothing counts as tested or built then.
    builder
        None where no image is built.
    merging
        How commits come onto a branch that only a person may move.
    """

    git: Git
    environments: CleanEnvironments
    journal: Journal | None
    builder: Builder | None
    merging: MergeTerms = field(default_factory=MergeTerms)

    def passed(self, key: str) -> bool:
        """Whether tests are recorded as passed."""
        return self.journal is not None and self.journal.passed(key)

    def to_record(self) -> Journal:
        """Return the journal, to write to it.

        Raises
        ------
        Refused
            There is none.
        """
        if self.journal is None:
            raise Refused("nothing is done without a journal: name its store with --store or STORE_URL")
        return self.journal
