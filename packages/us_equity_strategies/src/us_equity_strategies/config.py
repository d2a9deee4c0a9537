"""What every profile's configuration has in common."""

from pydantic import BaseModel, ConfigDict

__all__ = ["ProfileConfig"]


class ProfileConfig(BaseModel):
    """Frozen; a key the profile does not know is an error, and so is a number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
