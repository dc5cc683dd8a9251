"""`shale demo`: the whole road on a real model, on this machine, from manifests to proof; it leaves nothing behind."""

import asyncio
import shutil
import tempfile
from collections.abc import Generator
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from shale.cli import documents, door, screen
from shale.cli.commands import wait
from shale.cli.commands.apply import apply
from shale.cli.common import Common
from shale.cli.demo import proof
from shale.cli.demo.board import Board, Show, Step
from shale.cli.demo.shelf import Shelf, Wanted, shelf
from shale.cli.demo.weights import Models, installed, lay_out
from shale.cli.documents import Document
from shale.cli.exits import CliError, Exit
from shale.cli.facts import new_and_reused
from shale.cli.local.home import Home, State
from shale.cli.local.server import any_port
from shale.cli.local.stack import Plan, up
from shale.cli.registries import Reach, opened
from shale.contracts.amounts import amount
from shale.contracts.resources import KINDS, ModelVersion
from shale.kube.resources import Resources

FIRST, SECOND = "first-version.yaml", "second-version.yaml"


class Options(msgspec.Struct, frozen=True):
    """`weights` and `samples` are empty for the installed package and for deploy/samples; `timeout` in seconds."""

    weights: str = ""
    samples: str = ""
    workers: int = 2
    timeout: float = 60
    keep: bool = False
    registry: Wanted = "auto"


class Shown(msgspec.Struct, frozen=True):
    """What the demo showed, for a program."""

    registry: str
    image: str
    second_image: str
    files: int
    bytes: int
    bytes_new: int
    bytes_reused: int
    steps: list[Step]


class Stage(msgspec.Struct, frozen=True):
    """What runs, and who tells of it."""

    common: Common
    board: Board
    state: State
    shelf: Shelf


def run(common: Common, options: Options) -> int:
    """Show it; any mismatch is exit code 1, and whatever happens, all that was started is ended."""
    door.interruptible()
    samples = _samples(options.samples)
    source = Path(options.weights) if options.weights else installed()
    board = Board(machine=common.machine)
    with _folder(board, keep=options.keep) as folder:
        try:
            main = _demo(common, options, board, (samples, source, folder))
            shown = door.run(asyncio.wait_for(main, options.timeout))
        except TimeoutError as error:
            done = ", ".join(step.what for step in board.steps) or "nothing"
            late = f"not through within {options.timeout:g} s; done: {done}; then: {board.last or 'nothing'}"
            raise CliError(late, Exit.TIMED_OUT) from error
    board.tell()
    board.summary()
    if common.machine:
        screen.document(msgspec.to_builtins(shown), common.output)
    return Exit.OK


def _samples(given: str) -> Path:
    """Return the folder of the samples: here, or in the checkout that this module lies in."""
    places = [Path(given)] if given else [Path("deploy/samples"), Path(__file__).parents[5] / "deploy" / "samples"]
    found = next((place for place in places if (place / FIRST).is_file() and (place / SECOND).is_file()), None)
    if found is None:
        raise CliError(f"{FIRST} and {SECOND} are not in {places[0]}: run it in Shale's own folder, or give --samples")
    return found


@contextmanager
def _folder(board: Board, *, keep: bool) -> Generator[Path]:
    """Own a folder for as long as the demo runs; of one that failed, the logs are left to look at."""
    folder = Path(tempfile.mkdtemp(prefix="shale-demo-"))
    logs = Home(folder / "home").logs
    try:
        yield folder
    except Exception:
        if logs.is_dir() and not keep:
            board.tell(f"logs: {logs.rename(folder.with_name(f'{folder.name}-logs'))}")
        raise
    finally:
        if keep:
            board.tell(f"kept: {folder}")
        else:
            shutil.rmtree(folder)


async def _demo(common: Common, options: Options, board: Board, places: tuple[Path, Path, Path]) -> Shown:
    samples, source, folder = places
    with board.step("two versions of a model") as result:
        models = await asyncio.to_thread(lay_out, source, folder / "models")
        result.append(f"{models.files} files, {amount(models.bytes)}; the second one differs in {models.changed}")
    home = Home(folder / "home")
    async with AsyncExitStack() as started:
        with board.step("a registry") as result:
            place = shelf(options.registry, folder / "registry", home.registry, board.tell)
            there = await started.enter_async_context(place)
            result.append(there.what)
        plan = Plan(home, home.registry, any_port(), workers=options.workers, roots=f"/models={models.root}")
        with board.step("NATS and the services") as result:
            state = await started.enter_async_context(up(plan, board.tell))
            result.append(f"{state.nats_url}: {', '.join(one.name for one in state.processes)}")
        shown = await _road(Stage(common, board, state, there), samples, models)
        with board.step("end all that was started"):
            await started.aclose()
    return shown


async def _road(stage: Stage, samples: Path, models: Models) -> Shown:
    board, there = stage.board, stage.shelf
    here = msgspec.structs.replace(stage.common, nats=stage.state.nats_url)
    async with door.resources(here) as resources:
        first = await _version(stage, resources, samples / FIRST)
        blobs = proof.weights(there, first)
        await _prove(stage, first, models.first)
        second = await _version(stage, resources, samples / SECOND)
        with board.step("the weights were not written again") as result:
            result.append(proof.unwritten(blobs, there, first, second))
        await _prove(stage, second, models.second)
    return Shown(
        registry=there.what,
        image=proof.pinned(first),
        second_image=proof.pinned(second),
        files=models.files,
        bytes=models.bytes,
        bytes_new=second.status.bytes_new,
        bytes_reused=second.status.bytes_reused,
        steps=board.steps,
    )


async def _version(stage: Stage, resources: Resources, manifest: Path) -> ModelVersion:
    """Apply a sample, into the registry that there is, and follow its version until it is ready."""
    board = stage.board
    with board.step(f"apply {manifest.name}") as result:
        applied = [await apply(resources, _placed(one, stage.shelf)) for one in documents.read([str(manifest)])]
        for one in applied:
            board.tell(f"   {one.kind} {one.namespace}/{one.name} {one.result}")
        name = next((one for one in applied if one.kind == "modelversion"), None)
        if name is None:
            raise CliError(f"{manifest} holds no ModelVersion: the demo needs one")
        with board.live(name.name) as show:
            version = await _ready(resources, name.namespace, name.name, show)
        result += [proof.pinned(version), new_and_reused(version.status.layers)]
    board.layers(version)
    return version


def _placed(document: Document, there: Shelf) -> Document:
    """Return a manifest whose image goes to this registry: its repository's name begins with the host."""
    spec: dict[str, Any] = document.tree.get("spec") or {}
    if "imageRepo" not in spec:
        return document
    spec = {**spec, "imageRepo": f"{there.prefix}{spec['imageRepo']}"}
    return msgspec.structs.replace(document, tree={**document.tree, "spec": spec})


async def _ready(resources: Resources, namespace: str, name: str, show: Show) -> ModelVersion:
    kind = KINDS["modelversion"]
    async with aclosing(door.follow(resources, kind, namespace, name)) as seen:
        async for obj in seen:
            if isinstance(obj, ModelVersion):
                show(obj)
            if wait.judge(obj, "Ready", f"{kind.word} {namespace}/{name}") and isinstance(obj, ModelVersion):
                return obj
    raise CliError(f"the watch of {kind.word} {namespace}/{name} ended: run the demo again")


async def _prove(stage: Stage, version: ModelVersion, source: Path) -> None:
    """Pull a version back and hold it against its source."""
    home = Home(Path(stage.state.registry).parent)
    common = msgspec.structs.replace(stage.common, home=str(home.path))
    with stage.board.step(f"pull {version.metadata.name} back") as result:
        into = source.with_name(f"{source.name}.pulled")
        store = opened(common, version.spec.image_repo, Reach(), {})
        result.append(await asyncio.to_thread(proof.equal, store, version, source, into))
