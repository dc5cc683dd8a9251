"""Structural validation by jsonschema, with complaints that a person can act on: which field, what, and the cure."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

import jsonschema

from shale.contracts.schema import Schema

Problem = jsonschema.ValidationError
Say = Callable[[str, Problem], Iterable[str]]


def complaints(schema: Schema, tree: object, at: str = "") -> list[str]:
    """Say everything that `schema` does not allow in `tree`, once each; `at` is where the tree hangs."""
    validator: Any = jsonschema.Draft202012Validator(schema)
    found: Iterable[Problem] = validator.iter_errors(tree)
    said = [line for problem in found for line in _say(at, problem)]
    return list(dict.fromkeys(said))


def _say(at: str, problem: Problem) -> Iterable[str]:
    where = at
    for step in problem.absolute_path:
        where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else step
    return _WORDS.get(str(problem.validator), _other)(where, problem)


def _unknown(where: str, problem: Problem) -> Iterable[str]:
    known = list(_of(problem.schema, "properties"))
    for field in _keys(problem.instance):
        if field not in known:
            near = get_close_matches(field, known, n=1)
            cure = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"
            yield f'unknown field "{_join(where, field)}"; {cure}'


def _required(where: str, problem: Problem) -> Iterable[str]:
    there = _keys(problem.instance)
    return [
        f"{_join(where, field)} is missing: add it" for field in _of(problem.schema, "required") if field not in there
    ]


def _type(where: str, problem: Problem) -> Iterable[str]:
    article = "an" if str(problem.validator_value)[0] in "aio" else "a"
    yield f"{where or 'the object'} must be {article} {problem.validator_value}, not {_short(problem.instance)}"


def _enum(where: str, problem: Problem) -> Iterable[str]:
    known = ", ".join(str(word) for word in _of(problem.schema, "enum") if word)
    yield f"{where} must be one of {known}, not {_short(problem.instance)}"


def _limit(word: str) -> Say:
    def say(where: str, problem: Problem) -> Iterable[str]:
        yield f"{where} {word.format(problem.validator_value)}"

    return say


def _other(where: str, problem: Problem) -> Iterable[str]:
    yield f"{where}: {problem.message}"


_WORDS: dict[str, Say] = {
    "additionalProperties": _unknown,
    "required": _required,
    "type": _type,
    "enum": _enum,
    "minLength": _limit("is empty: at least {} character is needed"),
    "maxLength": _limit("is too long: at most {} characters"),
    "maxItems": _limit("has too many entries: at most {}"),
    "maxProperties": _limit("has too many entries: at most {}"),
    "minimum": _limit("must be at least {}"),
    "maximum": _limit("must be at most {}"),
}


def _of(schema: Any, word: str) -> list[str]:  # noqa: ANN401 (jsonschema calls a schema a bool or a mapping)
    return list(schema.get(word, ()))


def _keys(instance: Any) -> list[str]:  # noqa: ANN401 (any JSON value)
    return [str(key) for key in instance]


def _join(where: str, field: str) -> str:
    return f"{where}.{field}" if where else field


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."  # noqa: PLR2004 (one line of a terminal has to hold path and cure too)
