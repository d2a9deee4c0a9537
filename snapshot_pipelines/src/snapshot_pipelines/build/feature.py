"""What a feature is: a function of what was known, with the number of bars without which it is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray

from snapshot_pipelines.build.grid import Window

__all__ = ["Feature", "feature"]

Formula = Callable[[Window], FloatArray]


@dataclass(frozen=True, slots=True)
class Feature:
    """A named function of a `Window`; calling it applies the rule of what is unknown.

    Attributes
    ----------
    formula
        Returns one number per symbol, shape (n_symbols,); what it reads is NaN where there is no bar.
    bars
        The value is NaN unless each of so many last sessions, ``as_of`` included, has a bar; 0 leaves that to the
        formula.

    Raises
    ------
    InvalidInput
        A function without a name of its own, or a negative number of bars.
    """

    formula: Formula
    bars: int

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name.startswith("_"):
            raise InvalidInput(f"feature {self.name} has no name of its own; write it as a function, def name(window)")
        if self.bars < 0:
            raise InvalidInput(f"feature {self.name}: bars is {self.bars}; it is 0 or more")

    @property
    def name(self) -> str:
        """The column's name: that of the function."""
        return self.formula.__name__

    @property
    def text(self) -> str:
        """What its docstring says."""
        return self.formula.__doc__ or ""

    def __call__(self, window: Window) -> FloatArray:
        """Return the value of every symbol, shape (n_symbols,), NaN where it cannot be known.

        Raises
        ------
        InvalidInput
            The function fails, or what it returns is no finite number per symbol.
        """
        with np.errstate(all="ignore"):
            values = self._computed(window)
        values = np.where(window.history >= self.bars, values, np.nan)
        if np.isinf(values).any():
            symbol = window.symbols[int(np.isinf(values).argmax())]
            raise InvalidInput(
                f"feature {self.name} of {symbol} at {window.as_of} is infinite; return NaN where it cannot be known"
            )
        return values

    def _computed(self, window: Window) -> FloatArray:
        window.most = self.bars
        try:
            values = np.asarray(self.formula(window), dtype=np.float64)
        except InvalidInput as error:
            raise InvalidInput(f"feature {self.name}: {error}") from None
        except (Exception, SystemExit) as error:
            raise InvalidInput(f"feature {self.name} fails: {type(error).__name__}: {error}") from error
        finally:
            window.most = 0
        if values.shape != (len(window.symbols),):
            raise InvalidInput(
                f"feature {self.name} returns an array of shape {values.shape}; one number per symbol is "
                f"{(len(window.symbols),)}"
            )
        return values


def feature(bars: int) -> Callable[[Formula], Feature]:
    """Make a function of a `Window` a feature of its name.

    Parameters
    ----------
    bars
        How many last sessions must have a bar, ``as_of`` included; 0 leaves that to the function.
    """
    return lambda formula: Feature(formula, bars)
