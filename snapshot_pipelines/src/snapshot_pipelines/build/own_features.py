"""Features of one's own: functions in a Python file, each marked with how many bars it needs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from quant_platform_kit.domain.errors import InvalidInput

from snapshot_pipelines.build.feature import Feature
from snapshot_pipelines.build.features import FEATURES
from snapshot_pipelines.build.fundamentals import FACTS
from snapshot_pipelines.build.rows import LABELS

__all__ = ["read_features"]


def read_features(path: Path, content: bytes) -> tuple[Feature, ...]:
    """Return the features that a file defines, in the order in which it does.

    Parameters
    ----------
    path
        For messages.
    content
        The file's bytes: what is executed is what is digested.

    Raises
    ------
    InvalidInput
        The file fails, has no feature, or one has the name of a column that is there already.
    """
    module = ModuleType(f"own_features_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from None
    except (Exception, SystemExit) as error:
        raise InvalidInput(f"{path} fails to load: {type(error).__name__}: {error}") from error
    known = {id(one) for one in FEATURES}
    own = tuple(one for one in vars(module).values() if isinstance(one, Feature) and id(one) not in known)
    if not own:
        raise InvalidInput(f"{path} has no feature; mark a function with @feature(bars=...)")
    taken = {*(label.name for label in LABELS), *(one.name for one in FEATURES), *FACTS}
    if again := [one.name for one in own if one.name in taken]:
        raise InvalidInput(f"{path}: every snapshot has a column {again[0]} already; name the function otherwise")
    return own
