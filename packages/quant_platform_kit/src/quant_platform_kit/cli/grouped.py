"""Options that belong together: a command takes them as one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

__all__ = ["grouped", "parameters_of"]


def grouped(
    name: str, options: Sequence[Parameter], make: Callable[[dict[str, Any]], object]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what gives a command some options in place of its parameter ``name``.

    The command takes its parameters by name only, and gets as ``name`` what ``make`` returns of the options' values.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[Parameter] = []
        for own in signature(command, eval_str=True).parameters.values():
            parameters += options if own.name == name else [own]

        def run(**values: Any) -> None:
            made = make({option.name: values.pop(option.name) for option in options})
            command(**{name: made}, **values)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        setattr(run, "__signature__", Signature(parameters))  # noqa: B010 - functions have no such attribute to a checker
        return run

    return decorate


def parameters_of(kind: type[Any]) -> list[Parameter]:
    """Return an option for each field of a dataclass; the annotation of a field says what typer reads."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]
