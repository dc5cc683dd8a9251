"""What Argo CD and Flux do: the very YAML again each second, amid a build and after it, and nothing comes of it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from shale.contracts import streams
from shale.contracts.facts import Declared
from shale.testkit.apiserver import Tree
from shale.testkit.house import House
from shale.testkit.kube import bed_of_ones_own
from shale.testkit.kubectl import Kubectl
from shale.testkit.samples import model, version
from shale.testkit.soon import soon_asked
from shale.testkit.visitor import Visitor, visiting

pytestmark = [pytest.mark.real_nats, pytest.mark.slow]

NS = "default"
TIMES, EVERY = 5, 1.0
"""Times in each of three turns (the build stands still, it goes on, it is over), and seconds between two of them."""
WAYS = {
    "as Argo CD does by default": ("kubectl-client-side-apply", {}),
    "as Argo CD does on the server's side": (
        "argocd-controller",
        {"server-side": "true", "field-manager": "argocd-controller"},
    ),
    "as Flux does": (
        "kustomize-controller",
        {"server-side": "true", "field-manager": "kustomize-controller", "force-conflicts": "true"},
    ),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("gitops")
    with (
        bed_of_ones_own(folder) as bed,
        House(folder / "house", environ={"SHALE_KUBECONFIG": str(bed.kubeconfig)}) as house,
    ):
        yield house


@pytest.fixture(scope="module")
def kubectl(house, debian_tool, tmp_path_factory) -> Kubectl:
    kubeconfig = Path(house.environ["SHALE_KUBECONFIG"])
    return Kubectl(debian_tool("kubectl"), kubeconfig, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture
async def visitor(house) -> AsyncGenerator[Visitor]:
    async with visiting(house) as visitor:
        yield visitor
    house.reset()


class Repository:
    """A file with a model and a version, and whoever brings it to the cluster."""

    def __init__(self, kubectl: Kubectl, folder: Path, name: str, flags: dict[str, str]) -> None:
        self.kubectl, self.name, self.file = kubectl, name, folder / "model.yaml"
        self.flags = ("-f", str(self.file), *(f"--{flag}={value}" for flag, value in flags.items()))
        storage = {"localStorage": {"path": f"/models/{name}", "nodeName": "here"}}
        spec = {"modelName": name, "imageRepo": f"models/{name}", "imageTag": "v1", "storage": storage}
        self.file.write_text(yaml.safe_dump_all([model(NS, name), version(NS, name, spec, labels={"team": "a"})]))

    async def apply(self) -> None:
        """Apply the file as it is."""
        await asyncio.to_thread(self.kubectl.do, "apply", *self.flags)

    async def stands(self) -> tuple[Tree, Tree]:
        """Return the model and the version as they stand, managedFields and all."""
        paths = [f"/apis/shale.dev/v1alpha1/namespaces/{NS}/{kind}/{self.name}" for kind in ("models", "modelversions")]
        first, second = [json.loads(await asyncio.to_thread(self.kubectl.do, "get", "--raw", path)) for path in paths]
        return first, second

    async def rests_at(self, phase: str) -> tuple[Tree, Tree]:
        """Wait until the version is in this phase and the model shows it so, which is the last write; return both."""

        async def there() -> tuple[Tree, Tree] | None:
            made, mine = await self.stands()
            shown = [row["phase"] for row in made.get("status", {}).get("versions", [])]
            return (made, mine) if mine.get("status", {}).get("phase") == phase and shown == [phase] else None

        return await soon_asked(there)

    async def differs(self) -> str:
        """Return what `kubectl diff` finds, as who applies it."""
        done = await asyncio.to_thread(self.kubectl.run, "diff", *self.flags)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    async def again(self) -> None:
        """Apply it several times, one a second."""
        for _ in range(TIMES):
            await self.apply()
            await asyncio.sleep(EVERY)


async def facts(visitor: Visitor) -> int:
    """Return how many facts were ever stored."""
    return (await visitor.bus.api(f"STREAM.INFO.{streams.FACTS.name}", {}))["state"]["last_seq"]


def owned(tree: Tree, manager: str) -> list[Any]:
    """Return what a manager owns of an object, since when, and how it came to it."""
    return [entry for entry in tree["metadata"]["managedFields"] if entry["manager"] == manager]


@pytest.mark.parametrize(("manager", "flags"), WAYS.values(), ids=WAYS.keys())
async def test_what_is_applied_every_second_amid_a_build_and_after_it_changes_nothing(
    house, kubectl, visitor, tmp_path, manager, flags
):
    name = manager.partition("-")[0]
    (house.models / name).mkdir()
    (house.models / name / "weights.bin").write_bytes(name.encode() * 128)
    repository = Repository(kubectl, tmp_path, name, flags)
    packer = house.the("builder-sync")
    packer.stop()  # the build stands still amid its way

    await repository.apply()
    amid = await repository.rests_at("Scanning")
    told = await facts(visitor)
    await repository.again()
    assert await repository.stands() == amid
    assert await facts(visitor) == told
    assert await repository.differs() == ""

    again = asyncio.create_task(repository.again())  # while it goes on
    packer.start()
    ready = await repository.rests_at("Ready")
    await again
    told = await facts(visitor)
    await repository.again()
    assert await repository.stands() == ready
    assert await facts(visitor) == told
    assert await repository.differs() == ""

    uid = ready[1]["metadata"]["uid"]
    assert len(visitor.all_heard(Declared, uid)) == 1
    for before, after in zip(amid, ready, strict=True):
        assert after["metadata"]["generation"] == before["metadata"]["generation"] == 1
        assert len(owned(after, manager)) == 1
        assert owned(after, manager) == owned(before, manager)
