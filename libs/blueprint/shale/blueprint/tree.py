"""The folders of what is printed: compared with what would be printed now, and brought up to date."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shale.blueprint import bususers, closure, readme, samples
from shale.blueprint.asyncapi import Services, asyncapi
from shale.blueprint.crds import crd
from shale.blueprint.evolution import breaks
from shale.blueprint.pages import NOTE, as_json, as_yaml, as_yamls
from shale.blueprint.rbac import passwords, rbac
from shale.blueprint.schemas import schemas
from shale.contracts.resources import KINDS

CRDS, SCHEMAS, SAMPLES = "deploy/crds", "proto-schemas/jsonschema", "proto-schemas/samples"
ASYNCAPI, README = "proto-schemas/asyncapi.yaml", "README.md"
RBAC, USERS, PASSWORDS = "deploy/base/rbac.yaml", "deploy/base/nats/users.conf", "deploy/base/nats/passwords.yaml"
CRD_LIST = f"{CRDS}/Kustomization"
"""Kustomize knows this name too, and who applies every *.yaml of the folder does not meet it."""
REQUIREMENTS = "deploy/images/requirements"
MEND = "run `shale-blueprint write`, and commit what it prints"


class Plan(msgspec.Struct, frozen=True):
    """What a tree needs: `pages` to be written and `strays` to be taken away, by path below the root.

    `refused` says what may not be changed any more, `wrong` what no writing mends, `notes` what is merely to be known.
    """

    pages: dict[str, str] = {}
    strays: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def printed(services: Services) -> dict[str, str]:
    """Return every page that is printed whole, by path: CRDs, JSON Schemas, AsyncAPI, and who may do what."""
    names = {user.variable: user.name for user in bususers.users(services)}
    return {
        CRD_LIST: f"# {NOTE}\nresources:\n" + "".join(f"  - {kind.plural}.yaml\n" for kind in KINDS.values()),
        RBAC: as_yamls(rbac(services)),
        USERS: bususers.config(services),
        PASSWORDS: as_yaml(passwords(names)),
        **{f"{CRDS}/{kind.plural}.yaml": as_yaml(crd(kind)) for kind in KINDS.values()},
        **{f"{SCHEMAS}/{name}.schema.json": as_json(schema) for name, schema in schemas().items()},
        ASYNCAPI: as_yaml(asyncapi(services)),
    }


def plan(root: Path, services: Services) -> Plan:
    """Compare a tree with what its Structs and cards print."""
    committed = {
        **_read(root, CRDS, "*.yaml"),
        **_read(root, SCHEMAS, "*.json"),
        **_read(root, REQUIREMENTS, "*.txt"),
        **{path: text for path in (ASYNCAPI, CRD_LIST, RBAC, USERS, PASSWORDS) for path, text in _one(root, path)},
    }
    pages, golden = {**printed(services), **_requirements(root, services)}, _read(root, SAMPLES, "*.json")
    wanting = samples.added({Path(path).name: text for path, text in golden.items()})
    before, after = _map(root, services)
    now = {
        **pages,
        **{f"{SAMPLES}/{name}": text for name, text in wanting.items()},
        **({README: after} if after else {}),
    }
    return Plan(
        pages={path: text for path, text in now.items() if {**committed, README: before}.get(path) != text},
        strays=tuple(sorted(committed.keys() - pages.keys())),
        refused=_refused(committed, pages),
        wrong=tuple(f"{path} {what}: {_CURE}" for path, text in golden.items() for what in samples.unread(text)),
        notes=() if after else (f"{README} has no map: put {readme.BEGIN} and {readme.END} where it is to stand",),
    )


_CURE = "what was said once is read for ever; mend the Struct, and never the sample"


def apply(root: Path, plan: Plan) -> None:
    """Write the pages of a plan and take its strays away."""
    for path, text in plan.pages.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for path in plan.strays:
        (root / path).unlink()


def _read(root: Path, folder: str, pattern: str) -> dict[str, str]:
    found = sorted((root / folder).glob(pattern))
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in found}


def _one(root: Path, path: str) -> tuple[tuple[str, str], ...]:
    return tuple(_read(root, str(Path(path).parent), Path(path).name).items())


def _requirements(root: Path, services: Services) -> dict[str, str]:
    """Return what each image installs, of what the workspace pins; nothing where nothing is pinned."""
    pins = root / "requirements.txt"
    if not pins.is_file():
        return {}
    wanted = {name: f"shale-{name}" for name in services} | {"shale-cli": "shale-cli[embedded]", "build": "hatchling"}
    text = pins.read_text(encoding="utf-8")
    return {f"{REQUIREMENTS}/{image}.txt": closure.pinned(name, text) for image, name in wanted.items()}


def _map(root: Path, services: Services) -> tuple[str, str | None]:
    """Return the README as it is, and as it should be: None without a README or without a place in it."""
    path = root / README
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return text, readme.put(text, services)


def _refused(committed: Mapping[str, str], pages: Mapping[str, str]) -> tuple[str, ...]:
    """Return what of the published schemas would not hold any more."""
    lines: list[str] = []
    for path, text in committed.items():
        if path.startswith(SCHEMAS):
            broken = breaks(json.loads(text), json.loads(pages[path])) if path in pages else ("is said no more",)
            lines += [f"{path}: {what}" for what in broken]
    return tuple(lines)
