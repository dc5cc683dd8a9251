"""Laws of the writing of statuses: however fast or slow a version goes, few writes, none too late, and none lost."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import (
    Declared,
    ImageBuilt,
    LayerPacked,
    LayersPlanned,
    Progressed,
    Refused,
    Scanned,
    StorageReady,
)
from shale.contracts.resources import ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Metadata
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.decision import Do, Done, Wait
from shale.runtime.service import Woken
from shale.runtime.told import Said, Told
from shale.watcher.project import project
from shale.watcher.scribe import PASSING_SECONDS, ROAD, ApplyStatus, Seen, decide

AT = 1_800_000_000.0
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
META = Metadata(name="mv-1", namespace="team-a", uid="uid-1", generation=1)
WAY = (
    StorageReady(ABOUT, "file:///models"),
    Scanned(ABOUT, "all~1", (), ()),
    LayersPlanned(ABOUT, (Layer("0-aa", "a.safetensors", 1000),), "v1"),
    LayerPacked(ABOUT, "0-aa~1", PackedLayer("a", "a", "sha256:aa", 1024)),
)
ENDS = (
    None,
    ImageBuilt(ABOUT, "m:v1", "sha256:11", "m:v1-modelpack", ()),
    Refused(ABOUT, "image-builder", "TagTaken", "why"),
    Progressed(ABOUT, "storage-provisioner", "Stalled", "NotFound", "make the folder"),
)


def is_stalled(status):
    return any(condition.type == "Stalled" for condition in status.conditions)


class Pen:
    """The object, the bus and the clock of one scribe: what it writes, and when."""

    def __init__(self):
        self.now, self.written, self.due = AT, AT, None
        self.status, self.writes = ModelVersionStatus(), []
        self.facts: list[Any] = [Declared(ABOUT, SPEC, "")]
        self.readings: list[Progressed] = []

    def told(self):
        said = tuple(Said(fact, number) for number, fact in enumerate(self.facts, 1))
        return Told(ABOUT, said, readings=tuple(self.readings), now=self.now, up_to=99)

    def wake(self):
        match decide(Woken(ABOUT), Seen(self.told(), ModelVersion(META, SPEC, self.status), self.written)):
            case Wait(until=until):
                self.due = until
            case Do(ApplyStatus(status)):
                self.status, self.written, self.due = status, self.now, None
                self.writes.append((self.now, status))
                assert self.decides_done()
            case decision:
                assert decision == Done()

    def decides_done(self):
        return decide(Woken(ABOUT), Seen(self.told(), ModelVersion(META, SPEC, self.status), self.written)) == Done()

    def passes(self, seconds):
        """Let time go by; a tick that falls due in it wakes."""
        end = self.now + seconds
        if self.due is not None and self.due <= end:
            self.now = self.due
            self.wake()
        self.now = end

    def hears(self, fact):
        (self.readings if isinstance(fact, Progressed) else self.facts).append(fact)
        self.wake()


@given(
    gaps=st.lists(st.floats(0, 3), min_size=len(WAY) + 1, max_size=len(WAY) + 1),
    reached=st.integers(0, len(WAY)),
    end=st.sampled_from(ENDS),
)
def test_a_version_on_its_way_is_written_once_a_second_and_its_end_at_once(gaps, reached, end):
    pen = Pen()
    pen.wake()
    for gap, fact in zip(gaps, WAY[:reached], strict=False):
        pen.passes(gap)
        pen.hears(fact)
    pen.passes(gaps[-1])
    stalls = isinstance(end, Progressed) and reached == 0  # it is void once there is storage
    if end is not None and (stalls or not isinstance(end, Progressed)):
        pen.hears(end)
        assert pen.writes[-1][0] == pen.now
    pen.passes(PASSING_SECONDS)
    assert msgspec.structs.replace(project(pen.told(), pen.status, ""), conditions=()) == msgspec.structs.replace(
        pen.status, conditions=()
    )
    passing = [at for at, status in pen.writes if status.phase in ROAD and not is_stalled(status)]
    assert all(later - earlier >= PASSING_SECONDS for earlier, later in pairwise(passing))
    assert len(pen.writes) <= 3 + (pen.now - AT) / PASSING_SECONDS
