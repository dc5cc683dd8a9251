"""Manifests from files: YAML or JSON, one or many in each, read as strictly as an API server does."""

import sys
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from shale.cli.exits import CliError, usage

MAX_BYTES = 4 << 20
MAX_NODES = 100_000
"""What one document may amount to once its aliases are followed: a few bytes of YAML can say a billion."""
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})

Tree = dict[str, Any]


class Document(msgspec.Struct, frozen=True):
    """One manifest, and where it was read."""

    where: str
    tree: Tree


class _Strict(yaml.SafeLoader):
    """Refuses a field that comes twice: the first one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 (its base's)
        seen: set[object] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a field's name is no plain word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the field {key.value!r} comes twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Strict.yaml_implicit_resolvers = {  # a date is a string here, as JSON has none
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(paths: list[str]) -> list[Document]:
    """Return all manifests of files, folders (`*.yaml`, `*.yml`, `*.json`, by name) and `-`. Raises CliError."""
    found = [document for path in paths for file in _files(path) for document in _parse(file, _text(file))]
    if not found:
        raise CliError(f"{', '.join(paths)} holds no object: a manifest begins with apiVersion and kind")
    return found


def _files(path: str) -> list[str]:
    if path == "-" or not Path(path).exists() or Path(path).is_file():
        return [path]
    if not Path(path).is_dir():  # to open a pipe is to wait for whoever writes into it
        raise usage(f"{path} is neither a regular file nor a folder: give one of the two, or - for standard input")
    return [str(file) for file in sorted(Path(path).iterdir()) if file.suffix in _SUFFIXES and file.is_file()]


def _text(path: str) -> str:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise CliError(f"{path} is larger than {MAX_BYTES} bytes: no manifest is; is it the right file?")
        return data.decode()
    except FileNotFoundError as error:
        raise usage(f"{path} is not there: give a file, a folder or - for standard input") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{path} cannot be read: {error}") from error


def _parse(path: str, text: str) -> Iterator[Document]:
    name = "standard input" if path == "-" else path
    try:
        for number, tree in enumerate(yaml.load_all(text, _Strict), 1):
            where = name if number == 1 else f"{name}, document {number}"
            yield from _objects(where, tree)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CliError(f"{name}{at}: {error.problem or error.context}: mend the YAML there") from error
    except RecursionError as error:
        raise CliError(f"{name} is nested too deeply: no manifest is; is it the right file?") from error
    except yaml.YAMLError as error:
        raise CliError(f"{name} is no YAML: {error}") from error


def _objects(where: str, tree: Any) -> Iterator[Document]:  # noqa: ANN401 (whatever the file says)
    """Yield the object of a document, the objects of a List, nothing for an empty document."""
    if tree is None:
        return
    _check(where, tree)
    if not isinstance(tree, dict):
        raise CliError(f"{where} is no object but {type(tree).__name__}: a manifest begins with apiVersion and kind")
    if tree.get("kind") == "List":  # pyright: ignore[reportUnknownMemberType]
        for number, item in enumerate(tree.get("items") or (), 1):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
            yield from _objects(f"{where}, item {number}", item)
        return
    yield Document(where, tree)  # pyright: ignore[reportUnknownArgumentType]


def _check(where: str, tree: Any) -> None:  # noqa: ANN401 (whatever the file says)
    """Refuse what grows beyond MAX_NODES, or into itself, by its aliases."""
    waiting, seen = [tree], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > MAX_NODES:
            raise CliError(
                f"{where} amounts to more than {MAX_NODES} values: its aliases repeat too much; write it out"
            )
        if isinstance(node, dict):
            waiting.extend(node.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        elif isinstance(node, list):
            waiting.extend(node)  # pyright: ignore[reportUnknownArgumentType]
