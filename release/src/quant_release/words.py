"""What the words of a bundle look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

__all__ = ["Member", "Model", "Name", "Text", "Variable"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Member = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S+$")]


class Model(BaseModel):
    """A table of a bundle: it says nothing that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
