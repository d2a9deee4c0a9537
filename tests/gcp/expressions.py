"""Terraform's expressions, as many of them as infra/terraform/gcp uses: read, and evaluated in a scope."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKENS = re.compile(
    r"\s*(?P<token>\.\.\.|=>|==|!=|&&|\|\||[0-9]+(?:\.[0-9]+)?|[A-Za-z_][A-Za-z0-9_-]*|[][(){}.,:?=!+*/-]|\")"
)
Scope = Mapping[str, Any]


class Failed(Exception):
    """An expression cannot be read or evaluated."""


def evaluate(text: str, scope: Scope, folder: Path) -> Any:
    """Return the value of an expression.

    Parameters
    ----------
    scope
        What names stand for: mappings are looked into by ``.name``, other values by ``get(name)``.
    folder
        What relative files are in.
    """
    reader = Reader(text, folder)
    node = reader.expression()
    reader.end()
    return node(scope)


Node = Callable[[Scope], Any]


def _look(value: Any, name: Any) -> Any:
    if value is None:
        raise Failed(f"null has no {name}")
    if isinstance(value, (Mapping, list)):
        return value[name]
    return value.get(name)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _merge(*maps: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for each in maps for key, value in each.items()}


def _coalesce(*values: Any) -> Any:
    return next(value for value in values if value not in (None, ""))


@dataclass
class Reader:
    """Reads an expression from left to right."""

    text: str
    folder: Path
    at: int = 0

    def peek(self) -> str:
        found = TOKENS.match(self.text, self.at)
        return found["token"] if found else ""

    def take(self, wanted: str | None = None) -> str:
        found = TOKENS.match(self.text, self.at)
        if found is None or wanted not in (None, found["token"]):
            raise Failed(f"{wanted or 'something'} is expected at {self.text[self.at :]!r}")
        self.at = found.end()
        return found["token"]

    def takes(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.take()
        return True

    def end(self) -> None:
        if self.text[self.at :].strip():
            raise Failed(f"nothing is expected at {self.text[self.at :]!r}")

    def expression(self) -> Node:
        condition = self.either()
        if not self.takes("?"):
            return condition
        yes = self.expression()
        self.take(":")
        no = self.expression()
        return lambda scope: yes(scope) if condition(scope) else no(scope)

    def either(self) -> Node:
        return self.chain(self.both, {"||": lambda a, b: a or b})

    def both(self) -> Node:
        return self.chain(self.compared, {"&&": lambda a, b: a and b})

    def compared(self) -> Node:
        return self.chain(self.product, {"==": lambda a, b: a == b, "!=": lambda a, b: a != b})

    def product(self) -> Node:
        return self.chain(self.reached, {"*": lambda a, b: a * b, "/": lambda a, b: a / b})

    def chain(self, part: Callable[[], Node], operators: Mapping[str, Callable[[Any, Any], Any]]) -> Node:
        left = part()
        while (operator := self.peek()) in operators:
            self.take()
            left = self.joined(operators[operator], left, part())
        return left

    @staticmethod
    def joined(operator: Callable[[Any, Any], Any], left: Node, right: Node) -> Node:
        return lambda scope: operator(left(scope), right(scope))

    def reached(self) -> Node:
        """Read something and what is looked up in it."""
        node = self.primary()
        while self.peek() in (".", "["):
            if self.takes("."):
                name = self.take()
                node = self.looked(node, lambda _, name=name: name)
            else:
                self.take("[")
                index = self.expression()
                self.take("]")
                node = self.looked(node, index)
        return node

    @staticmethod
    def looked(node: Node, index: Node) -> Node:
        return lambda scope: _look(node(scope), index(scope))

    def primary(self) -> Node:
        token = self.take()
        if token == "(":
            node = self.expression()
            self.take(")")
            return node
        if token == '"':
            return self.template()
        if token == "[":
            return self.sequence()
        if token == "{":
            return self.mapping()
        if token == "!":
            node = self.reached()
            return lambda scope: not node(scope)
        if token[0].isdigit():
            number = float(token) if "." in token else int(token)
            return lambda _: number
        if token in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[token]
            return lambda _: constant
        return self.call(token) if self.peek() == "(" else lambda scope: scope[token]

    def template(self) -> Node:
        """Read a text up to its quote, with what is put into it."""
        parts: list[Node] = []
        while True:
            found = re.compile(r'(?:[^"\\$]|\\.|\$(?!\{))*').match(self.text, self.at)
            assert found is not None
            plain = json.loads(f'"{found[0]}"')
            parts.append(lambda _, plain=plain: plain)
            self.at = found.end()
            if self.text[self.at] == '"':
                self.at += 1
                return lambda scope: "".join(_text(part(scope)) for part in parts)
            self.at += 2
            parts.append(self.expression())
            self.take("}")

    def sequence(self) -> Node:
        if self.takes("for"):
            return self.comprehension("]")
        entries = self.listed("]")
        return lambda scope: [entry(scope) for entry in entries]

    def listed(self, closing: str) -> list[Node]:
        entries: list[Node] = []
        while not self.takes(closing):
            entries.append(self.expression())
            if not self.takes(","):
                self.take(closing)
                break
        return entries

    def mapping(self) -> Node:
        if self.takes("for"):
            return self.comprehension("}")
        entries: list[tuple[Node, Node]] = []
        while not self.takes("}"):
            key = self.key()
            if not self.takes("="):
                self.take(":")
            entries.append((key, self.expression()))
            if not self.takes(","):
                self.take("}")
                break
        return lambda scope: {key(scope): value(scope) for key, value in entries}

    def key(self) -> Node:
        if self.peek() in ("(", '"'):
            return self.primary()
        name = self.take()
        return lambda _: name

    def comprehension(self, closing: str) -> Node:
        names = [self.take()]
        if self.takes(","):
            names.append(self.take())
        self.take("in")
        over = self.expression()
        self.take(":")
        first = self.expression()
        second = self.expression() if self.takes("=>") else None
        condition = self.expression() if self.takes("if") else (lambda _: True)
        self.take(closing)

        def scopes(scope: Scope) -> Iterable[Scope]:
            found = over(scope)
            pairs = found.items() if isinstance(found, Mapping) else enumerate(found)
            for key, value in pairs:
                named = dict(zip(names, (key, value) if len(names) == 2 else (value,), strict=True))
                inner = {**scope, **named}
                if condition(inner):
                    yield inner

        if second is None:
            return lambda scope: [first(inner) for inner in scopes(scope)]
        return lambda scope: {first(inner): second(inner) for inner in scopes(scope)}

    def call(self, name: str) -> Node:
        self.take("(")
        arguments: list[Node] = []
        spread = False
        while not self.takes(")"):
            arguments.append(self.expression())
            spread = self.takes("...")
            if not self.takes(","):
                self.take(")")
                break
        if name == "try":
            return lambda scope: _tried(arguments, scope)
        function = self.functions()[name]

        def called(scope: Scope) -> Any:
            values = [argument(scope) for argument in arguments]
            return function(*values[:-1], *values[-1]) if spread else function(*values)

        return called

    def functions(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "alltrue": all,
            "anytrue": any,
            "coalesce": _coalesce,
            "contains": lambda values, value: value in values,
            "file": lambda path: (self.folder / path).read_text("utf-8"),
            "fileset": lambda place, pattern: sorted(each.name for each in (self.folder / place).glob(pattern)),
            "join": lambda separator, values: separator.join(values),
            "jsondecode": json.loads,
            "keys": sorted,
            "length": len,
            "merge": _merge,
            "replace": lambda text, old, new: text.replace(old, new),
            "split": lambda separator, text: text.split(separator),
            "toset": lambda values: sorted(set(values)),
            "values": lambda values: [values[key] for key in sorted(values)],
        }


def _tried(arguments: list[Node], scope: Scope) -> Any:
    for argument in arguments[:-1]:
        try:
            return argument(scope)
        except (KeyError, Failed):
            continue
    return arguments[-1](scope)
