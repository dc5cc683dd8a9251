"""A card asks for the rights that its service's code uses: none too few, and none for later."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shale.contracts.resources import GROUP
from shale.runtime.installed import services

SERVICES = Path(__file__).resolve().parents[3] / "services"
OBJECTS: dict[str, set[str]] = {
    "get": {"get"},
    "list": {"list"},
    "create": {"create"},
    "delete": {"delete"},
    "apply": {"create", "patch"},
    "edit_metadata": {"patch"},
    "apply_status": {"patch status"},
    "collect": set(),  # of the embedded resources alone
}
"""By what is called of the door to our kinds: the verbs that it needs."""
CORE = {**OBJECTS, "apply": {"patch"}}
"""storage-provisioner applies what is there: by its uid."""


def called(folder: Path, doors: set[str]) -> Iterator[str]:
    """Yield each method that is called of a door, and each function that is handed one first."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=door), attr=method)) if door in doors:
                    yield method
                case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=door), attr=method)) if door in doors:
                    yield method
                case ast.Call(func=ast.Name(id="changes")):
                    yield from ("list", "watch")
                case _:
                    pass


def asked(service: str, group: str, *, but: str = "") -> set[str]:
    """Return the verbs of a service's cards in an API group; those of `x/status` as `patch status`."""
    touches = [touch for card in services()[service] for touch in card.touches if touch.group == group]
    return {
        f"{verb} status" if resource.endswith("/status") else verb
        for touch in touches
        for resource in touch.resources
        for verb in touch.verbs
        if not (but and resource.endswith(but))
    }


def test_the_watcher_may_do_to_our_kinds_what_its_code_does():
    used = {verb for one in called(SERVICES / "watcher", {"resources"}) for verb in OBJECTS.get(one, {one})}
    assert {"get", "watch", "patch", "patch status"} <= used, "the code is understood"
    assert asked("watcher", GROUP, but="/finalizers") == used


def test_storage_provisioner_may_do_to_volumes_and_readers_what_its_code_does():
    used = {verb for one in called(SERVICES / "storage-provisioner", {"cluster"}) for verb in CORE.get(one, set())}
    assert asked("storage-provisioner", "") == used


@pytest.mark.parametrize("service", ["image-builder", "builder-sync"])
def test_who_calls_no_api_server_asks_it_for_nothing(service):
    assert [touch for card in services()[service] for touch in card.touches] == []
