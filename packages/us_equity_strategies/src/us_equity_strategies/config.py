"""What every profile's configuration has in common."""

from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["ProfileConfig"]


class ProfileConfig(BaseModel):
    """Frozen; a key the profile does not know is an error, and so is a number that is not finite or a yes or no."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_truths(cls, values: object) -> object:
        """Refuse true and false, which would count as 1 and 0: no setting is a yes or no."""
        if isinstance(values, Mapping):
            given = cast("Mapping[str, object]", values)
            if wrong := [name for name, value in given.items() if isinstance(value, bool)]:
                raise ValueError(f"{wrong[0]} is {str(given[wrong[0]]).lower()}; write a number or a text")
        return values
