"""Crash-anywhere over every real card: real decisions, real layouts and files, resources and bus in memory.

What a crash may change is only what it honestly changes: a layer that was sent just before the cut is `reused` when it
is packed again, and times are later.
"""

import asyncio
import datetime as dt
import itertools
import random
import shutil
import time

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from shale.builder_sync.index import Index
from shale.builder_sync.service import BuilderSync
from shale.contracts.facts import Gone
from shale.contracts.resources import KINDS
from shale.contracts.subjects import of_gone
from shale.image_builder.claims import Claims
from shale.image_builder.service import ImageBuilder
from shale.kube.embedded import EmbeddedResources
from shale.oci.layout import Layout
from shale.runtime.installed import services
from shale.sources.roots import parse
from shale.storage_provisioner.service import StorageProvisioner
from shale.testkit.asking import there
from shale.testkit.bucket import MemoryBucket
from shale.testkit.crash import (
    MOST_PER_PART,
    Cuts,
    assert_crash_proof,
    assert_each_cut_proof,
    gaps,
    run_to_end,
)
from shale.testkit.opened import Opened
from shale.testkit.plane import SimBus, SimPlane
from shale.testkit.world import Disorder, Scene, Town
from shale.watcher.announce import AddFinalizer, about, announce
from shale.watcher.maker import Maker
from shale.watcher.scribe import Scribe
from shale.watcher.undertaker import Undertaker

STEPS = 560
"""More than a run has with a few cuts in it: 380 to 460 without. So a cut falls at any step, up to the last."""
cuts = st.lists(st.integers(0, STEPS), max_size=6).map(gaps)
seeds = st.integers(0, 1 << 30)
quickly = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: a run takes a tenth of a second, and the cuts that failed are named."""
slowly = settings(
    max_examples=15, deadline=None, phases=quickly, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

KEPT = 4
"""Worlds that lie on the disk at a time: each is 33 MB, and Hypothesis draws many."""
REPO = "models/tiny"
ROAD = ("storage-provisioner", "image-builder", "builder-sync", "scribe", "forget", "maker")


class Place:
    """One world: a folder with a model, a registry, resources, claims, an index. It outlives every process."""

    def __init__(self, folder) -> None:
        self.model, self.folder = folder / "models" / "tiny", folder
        self.model.mkdir(parents=True)
        (self.model / "config.json").write_text('{"layers": 2}')
        (self.model / "tokenizer.json").write_text("{}")
        with (self.model / "model.safetensors").open("wb") as weights:
            weights.truncate(16 * 2**20)
        uids = (f"uid-{number}" for number in itertools.count(1))
        start = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
        self.stored = MemoryBucket()
        self.resources = EmbeddedResources(self.stored, lambda: start, lambda: next(uids))
        self.claimed = MemoryBucket()
        self.settled = time.time() + 60  # the model is old enough for its times to be believed
        self.clock = lambda: self.settled
        self.indexed = MemoryBucket(self.now)
        self.registry = Layout(folder / "registry")
        self.roots = parse(f"/models={folder / 'models'}")

    policy = "Retain"

    def scene(self, *acts, workers=2, builders=2) -> Scene:
        return Scene(
            makers=(
                lambda _: StorageProvisioner(self.roots),
                *[self.builder] * builders,
                *[self.packer] * workers,
                lambda _: Scribe(self.resources),
                lambda _: Undertaker(self.resources),
                lambda _: Maker(self.resources),
            ),
            acts=acts,
            world=self.state,
        )

    def now(self) -> float:
        return self.clock()

    def builder(self, plane) -> ImageBuilder:
        async def gone(uid):
            return plane.bus.facts.last_of(of_gone(uid)) > 0

        return ImageBuilder(Claims(self.claimed, gone), Opened(self.registry))

    def packer(self, plane) -> BuilderSync:
        plane.bus.clock = max(plane.bus.clock, self.settled)
        self.clock = plane.now
        return BuilderSync(self.roots, Opened(self.registry), index=Index(self.indexed, b"k" * 32))

    def state(self):
        """What users see, and what the registry holds; without times."""
        objects = [msgspec.json.decode(kept.entry.value) for kept in self.stored._kept.values()]  # noqa: SLF001
        leftovers = [path.name for path in (self.folder / "registry").glob(".uploads/*") if path.is_file()]
        tags = {tag: self.registry.resolve(REPO, tag) for tag in self.registry.tags(REPO)}
        claims = sorted(key for key in self.claimed._kept if self.claimed._there(key))  # noqa: SLF001
        return {"objects": sorted(map(_seen, objects)), "tags": tags, "claims": claims, "leftovers": leftovers}

    async def apply(self, plane, name="mv-1", tag="v1", attempt=0):
        """Apply a version as a user does, and announce it as the watcher does."""
        storage = {"localStorage": {"path": "/models/tiny", "nodeName": "n"}}
        spec = {"modelName": "tiny", "imageRepo": REPO, "imageTag": tag, "storage": storage, "attempt": attempt}
        spec["deletionPolicy"] = self.policy
        meta = {"name": name, "namespace": "team-a"}
        kind = {"apiVersion": "shale.dev/v1alpha1", "kind": "ModelVersion"}
        obj = await there(self.resources.apply({**kind, "metadata": meta, "spec": spec}, "user"))
        while isinstance(step := announce(obj), AddFinalizer):
            obj = await there(self.resources.edit_metadata(obj, finalizers=step.finalizers))
        await plane.say(step)

    async def retry(self, plane):
        """Ask for a new try as a user does."""
        await self.apply(plane, attempt=1)

    async def delete(self, plane, name="mv-1"):
        """Delete a version as a user does, and tell its end as the watcher does."""
        obj = await there(self.resources.delete(KINDS["modelversion"], "team-a", name))
        await plane.say(Gone(about(obj)))


def _seen(record):
    text = str(record)
    gone = "'gone': True" in text
    status = record.get("manifest", record).get("status", {})
    conditions = [(c["type"], c["status"], c["reason"]) for c in status.get("conditions", ())]
    phase = [status.get(key) for key in ("phase", "image", "digest")]
    return "gone" if gone else str((phase, conditions))


def modulo(fact):
    """Return the fact without whether its layers had to be sent, and the versions of this very folder's files."""
    return _without(msgspec.to_builtins(fact), {"reused", "version"})


def _without(value, keys):
    match value:
        case dict():
            return {key: _without(one, keys) for key, one in value.items() if key not in keys}
        case list() | tuple():
            return [_without(one, keys) for one in value]
        case _:
            return value


@pytest.fixture
def places(tmp_path):
    numbers = itertools.count()

    def make():
        number = next(numbers)
        shutil.rmtree(tmp_path / str(number - KEPT), ignore_errors=True)
        folder = tmp_path / str(number)
        folder.mkdir()
        return Place(folder)

    return make


def scenes(places, *acts):
    """Return what makes a scene of one of these stories: what a user does, one after the other."""

    def make():
        place = places()
        return place.scene(*(getattr(place, act) for act in acts))

    return make


def test_the_calm_run_ends_in_an_image_that_the_status_names(places):
    place = places()
    end = run_to_end(place.scene(place.apply), Disorder(), modulo)
    [image] = [fact for subject, fact in end.facts.items() if subject.endswith("image-built")]
    assert end.jobs == end.dead == ()
    assert end.world["tags"]["v1"].digest == image["digest"]
    assert any("'Ready'" in one and image["digest"] in one for one in end.world["objects"])
    assert end.world["leftovers"] == []
    assert {key.split(".")[0] for key in place.indexed._kept} == {"layer", "places", "candidate", "flight"}  # noqa: SLF001


@slowly
@given(cuts, seeds)
def test_a_version_becomes_the_same_image_wherever_the_power_is_cut(places, cuts, seed):
    assert_crash_proof(scenes(places, "apply"), cuts, seed, modulo=modulo)


@slowly
@given(cuts, seeds)
def test_a_version_becomes_the_same_image_while_a_paused_process_goes_on_unaware(places, cuts, seed):
    assert_crash_proof(scenes(places, "apply"), cuts, seed, zombies=1, modulo=modulo)


@slowly
@given(cuts, seeds)
def test_a_deletion_after_all_is_done_frees_everything(places, cuts, seed):
    assert_crash_proof(scenes(places, "apply", "delete"), cuts, seed, zombies=seed % 2, modulo=modulo)


@slowly
@given(cuts, seeds)
@example([67, 36, 270], 904363353)
def test_a_deletion_at_any_step_leaves_neither_facts_nor_claims_nor_uploads(places, cuts, seed):
    place = places()
    place.policy = "Delete"
    town, end = _chaos(place, (place.apply, place.delete), cuts, seed)
    gone = [one.subject for one in town.bus.facts.under([">"])]
    assert gone == ["shale.gone.uid-1"]
    assert town.bus.jobs.under([">"]) == []
    assert end["claims"] == end["leftovers"] == []
    assert end["tags"] == {}


@slowly
@given(cuts, seeds)
@example([2, 556], 21709276)
def test_a_new_attempt_at_any_step_ends_in_its_own_image(places, cuts, seed):
    place = places()
    town, end = _chaos(place, (place.apply, place.retry), cuts, seed)
    facts = [one.subject for one in town.bus.facts.under([">"])]
    assert [subject for subject in facts if subject.endswith(".2.image-built")]
    assert not [subject for subject in facts if ".uid-1.1." in subject], "what a newer generation outlived is purged"
    assert town.bus.jobs.under([">"]) == []
    assert set(end["tags"]) == {"v1", "v1-modelpack"}


@slowly
@given(cuts, seeds)
def test_of_two_versions_that_want_one_tag_exactly_one_gets_it(places, cuts, seed):
    place = places()

    async def rival(plane):
        (place.model / "config.json").write_text('{"layers": 3}')
        await place.apply(plane, name="mv-2")

    _, end = _chaos(place, (place.apply, rival), cuts, seed)
    phases = sorted(phase for one in end["objects"] for phase in ("'Ready', 'models", "'Failed'") if phase in one)
    assert phases in (["'Failed'", "'Ready', 'models"], ["'Failed'", "'Failed'"]), end


@slowly
@given(cuts, seeds)
def test_two_versions_over_the_same_weights_both_end_in_the_same_layers_wherever_the_power_is_cut(places, cuts, seed):
    place = places()

    async def twin(plane):
        await place.apply(plane, name="mv-2", tag="v2")

    town, end = _chaos(place, (place.apply, twin), cuts, seed)
    assert town.bus.jobs.under([">"]) == []
    assert town.bus.dead == []
    assert set(end["tags"]) == {"v1", "v1-modelpack", "v2", "v2-modelpack"}
    assert end["tags"]["v1"].digest == end["tags"]["v2"].digest
    assert end["leftovers"] == []


@pytest.mark.parametrize(
    ("acts", "every"), [(("apply",), 15), (("apply", "delete"), 15), (("apply", "retry"), 15)], ids=str
)
def test_each_step_of_so_many_can_be_cut_alone_up_to_the_last(places, acts, every):
    made = assert_each_cut_proof(scenes(places, *acts), every, modulo)
    cut = {one.split(" of ")[0].split(".")[0] for case in made for one in case.split(" and ")}
    assert cut >= {*ROAD} - (set() if "delete" in acts else {"forget"}), "every card that works was cut"


def test_every_card_of_the_house_lives_in_the_town(places):
    installed = {card.name for cards in services().values() for card in cards}
    assert installed - {"announce"} == {*ROAD}, "announce is a function between two doors, and has its own tests"
    plane = SimPlane(SimBus(), "x")
    assert {maker(plane).card.name for maker in places().scene().makers} == {*ROAD}


def _chaos(place, acts, cuts, seed):
    """Run a story whose acts come at any time, with a process that sleeps over its messages in every other one."""
    chance, zombies = random.Random(seed), seed % 2
    disorder = Disorder(chance.randrange, Cuts(cuts, MOST_PER_PART - zombies), eager=seed % 200 + 1, zombies=zombies)
    town = Town(place.scene(*acts), disorder)
    asyncio.run(town.run())
    return town, place.state()
