"""The scribe: the one writer of a version's status."""

import datetime as dt

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Released
from shale.contracts.resources import KINDS, ModelVersion, ModelVersionStatus
from shale.contracts.resources.meta import Condition
from shale.kube.conditions import RETRYING, cause
from shale.kube.resources import Conflict, Invalid, Missing, Resources
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision, Do, Done, Forget, Look, Wait
from shale.runtime.service import Trigger
from shale.runtime.told import Told
from shale.watcher.card import SCRIBE
from shale.watcher.project import TERMINAL, WAITS, project

STEP_BYTES = 0.05
STEP_SECONDS = 5.0
"""A status is patched at a change of phase, or when at least 5 % and 5 s have gone by (api.md).

Another cause of a retry waits as long: it may be another one at each try.
"""
PASSING_SECONDS = 1.0
"""What is only further on its way is written no sooner after the last write: 1 KB goes through five phases in 0.1 s,
and each write costs the API server, etcd and whoever watches. Ends, stalls and retries are written at once."""

ROAD = frozenset({"Provisioning", "Scanning", "Packing", "Publishing"})
COUNTING = "Packing"
"""The reason whose message is nothing but a count: of layers."""


class Seen(msgspec.Struct, frozen=True):
    """The object as it stands, what was told of it, and when it was written last; unwritten, when it was seen first."""

    told: Told
    object: ModelVersion | None
    written: float = 0
    stale: bool = False


class ApplyStatus(msgspec.Struct, frozen=True):
    """Write this status over the one that was read."""

    status: ModelVersionStatus


def decide(trigger: Trigger, seen: Seen) -> Decision:
    """Write the status that the facts amount to.

    Leave nothing said of what is gone, or of generations that are outlived.
    """
    del trigger
    told, obj = seen.told, seen.object
    if seen.stale:
        return Do(Look())
    if obj is None or told.declared is None:
        return Do(Forget(told.up_to)) if obj is None and _is_left(told) else Done()
    if _is_outlived(told):  # first: a status that cannot be written must not let them pile up
        return Do(_outlived(told))
    status = project(told, obj.status, _rfc3339(told.now))
    if status == obj.status:
        return Done()
    if (pause := _pause(obj.status, status)) is None:
        return Done()  # the reading that makes the step wakes us
    if seen.written <= told.now < (due := seen.written + pause):  # a clock that was set back holds up nothing
        return Wait("Throttled", "", until=due)
    return Do(ApplyStatus(status))


def _pause(before: ModelVersionStatus, after: ModelVersionStatus) -> float | None:
    """Return the seconds that must lie between two writes of which this is the second; None: it is not worth one."""
    if _is_first_wait(before, after):
        return PASSING_SECONDS
    if _only_counts(before, after):
        return STEP_SECONDS if _step(before, after) >= STEP_BYTES else None
    if _retries_on(before, after):
        return STEP_SECONDS
    return PASSING_SECONDS if _passes(before, after) else 0


def _is_left(told: Told) -> bool:
    """Whether something was told late of what is gone and held by nobody: nobody else will purge it."""
    late = any(said.fact.about.generation for said in told.said if not said.is_gone) or bool(told.readings)
    return told.gone and not told.holders and late


def _is_first_wait(before: ModelVersionStatus, after: ModelVersionStatus) -> bool:
    """Whether there is no more to say for a start than that it waits: the first change of phase says more."""
    return not before.phase and after.phase == "Provisioning" and all(c.message == WAITS for c in after.conditions)


def _passes(before: ModelVersionStatus, after: ModelVersionStatus) -> bool:
    """Whether one generation went from one step of the road to another, and nobody has anything to do or to know."""
    same = (before.observed_generation, before.digest) == (after.observed_generation, after.digest)
    return same and before.phase in ROAD and after.phase in ROAD and _goes(before) and _goes(after)


def _goes(status: ModelVersionStatus) -> bool:
    """Whether all that is said of a status is its phase: no stall, no retry, no dry run's result."""
    says = {condition.type: condition.reason for condition in status.conditions}
    return says.get("Ready") == says.get("Reconciling") == status.phase


def _only_counts(before: ModelVersionStatus, after: ModelVersionStatus) -> bool:
    """Whether nothing moved but what is counted: bytes, layers, the seconds to a retry."""
    if _standing(before) != _standing(after):
        return False
    return [_gist(condition) for condition in before.conditions] == [_gist(condition) for condition in after.conditions]


def _retries_on(before: ModelVersionStatus, after: ModelVersionStatus) -> bool:
    """Whether it was retried and is, whatever the cause is now."""
    return _standing(before) == _standing(after) and _reason(before) == _reason(after) == RETRYING


def _reason(status: ModelVersionStatus) -> str:
    return next((condition.reason for condition in status.conditions if condition.type == "Ready"), "")


def _standing(status: ModelVersionStatus) -> tuple[str, int, str]:
    """Return what no number is: an image that was built late for an older generation counts, too."""
    return status.phase, status.observed_generation, status.digest


def _gist(condition: Condition) -> tuple[str, str, str, str]:
    message = "" if condition.reason == COUNTING else cause(condition)
    return condition.type, condition.status, condition.reason, message


def _step(before: ModelVersionStatus, after: ModelVersionStatus) -> float:
    return abs(after.bytes_done - before.bytes_done) / max(1, after.bytes_total)


def _outlived(told: Told) -> Forget:
    """Purge what nobody needs once a newer generation is declared: all older ones but the one whose image counts."""
    keep = told.built.about.generation if told.built else 0
    return Forget(told.up_to, before=told.about.generation, keep=keep)


def _is_outlived(told: Told) -> bool:
    forget = _outlived(told)
    needed = {0, forget.keep, forget.before}
    return any(said.fact.about.generation not in needed for said in told.said if not said.is_gone)


def _rfc3339(now: float) -> str:
    return dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Scribe:
    """The card and its functions, over the door to resources."""

    card = SCRIBE

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.written: dict[str, float] = {}

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return the object of that very uid."""
        del trigger
        about = told.about
        obj = await self.resources.get(KINDS[about.kind], about.namespace, about.name)
        if not isinstance(obj, ModelVersion) or obj.metadata.uid != about.uid or told.gone:
            self.written.pop(about.uid, None)
        mine = obj if isinstance(obj, ModelVersion) and obj.metadata.uid == about.uid else None
        if mine is not None and not mine.status.phase and not told.gone:
            self.written.setdefault(about.uid, told.now)
        return Seen(told, mine, self.written.get(about.uid, 0))

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        return decide(trigger, seen)

    async def perform(self, effect: ApplyStatus, seen: Seen, beat: Beat) -> Seen:
        """Write the status under the resourceVersion that was read before the facts."""
        del beat
        if seen.object is None:
            return seen
        written = await self.resources.apply_status(seen.object, effect.status)
        match written:
            case Conflict() | Missing():
                return msgspec.structs.replace(seen, stale=True)
            case Invalid(message):
                raise ValueError(f"the status of {seen.told.about} was refused: {message}")
            case _:
                self._note(seen.told, effect.status)
                return msgspec.structs.replace(seen, object=written, written=seen.told.now)

    def _note(self, told: Told, status: ModelVersionStatus) -> None:
        """Keep when it was written, as long as more numbers may come."""
        if status.phase in TERMINAL or told.gone:
            self.written.pop(told.about.uid, None)
        else:
            self.written[told.about.uid] = told.now

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing."""
        del told
        return Released(about.whole(), self.card.name)
