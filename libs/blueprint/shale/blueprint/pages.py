"""How pages are printed: stable, readable, and with a word at the top about who prints them."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

NOTE = "Printed by `shale-blueprint write` from the Structs and cards: never edit it."


class _Plain(yaml.SafeDumper):
    """YAML as a person writes it: lists are indented, nothing is an alias of something above."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal things out, each time."""
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 (PyYAML's own)
        """Indent lists below their key."""
        del indentless
        super().increase_indent(flow, indentless=False)


def as_yaml(page: dict[str, Any]) -> str:
    """Return one YAML document, keys in their own order."""
    return as_yamls([page])


def as_yamls(pages: Sequence[dict[str, Any]]) -> str:
    """Return several YAML documents, as one file that `kubectl apply` takes."""
    documents = (yaml.dump(page, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120) for page in pages)
    return f"# {NOTE}\n" + "---\n".join(documents)


def as_json(page: dict[str, Any]) -> str:
    """Return one JSON Schema document, keys in their own order."""
    return json.dumps({"$comment": NOTE, **page}, indent=2, ensure_ascii=False) + "\n"
