"""What storage-provisioner does next in a cluster: its specification."""

from shale.contracts.facts import StorageReady
from shale.runtime.decision import Decision, Do, Done, Hold, Refuse, Say, Wait
from shale.runtime.service import Trigger
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.cluster.pods import Ended, Serves, Starts, Stuck
from shale.storage_provisioner.cluster.seen import (
    Adopt,
    Claim,
    MakeClaim,
    MakeReader,
    MakeService,
    MakeVolume,
    Reader,
    Replace,
    Seen,
    TakeDown,
    Thing,
)
from shale.storage_provisioner.problem import Problem, Unusable

A_DAY = 86_400.0
SOON, LATER = 2.0, 60.0
"""Seconds, for the cluster sends no facts: a young wish is looked at again soon, an old one once a minute."""
AGING = 10
"""A wish that is a minute old is looked at every 6 s: who mends what it waits for waits no more than a tenth longer."""
WATCH = 30.0
"""Seconds between looks at a reader that answers."""
TARDY = 120.0
"""Seconds after which the cluster's own controllers should have bound a claim, or let go of what was deleted."""
PATIENCE = 60
"""Seconds that a reader waits for a folder that the one before did not find: it is served within one of its coming."""


def decide(trigger: Trigger, seen: Seen) -> Decision:
    """Claim, volume, address, reader; say where it reads, keep it reading until the image stands; then take it down."""
    del trigger
    going = tuple(one for one in seen.all if not one.ends)
    if seen.over:
        return Do(TakeDown(going)) if going else Done()
    match seen.place:
        case Unusable(reason, message):
            return Refuse(reason, message)
        case Problem():
            return _waits(seen, seen.place.reason, seen.place.message, _pace(seen) if seen.place.passes else None)
        case Place():
            return _provide(seen, seen.place)


def _provide(seen: Seen, place: Place) -> Decision:
    if not seen.held:
        return Do(Hold())
    if any(one.generation > seen.about.generation for one in seen.all):
        return Done()  # a newer wish is at work
    if seen.refused:
        return _waits(seen, "NotAccepted", seen.refused)
    if taken := _taken(seen, place):
        return taken
    if strays := tuple(one for one in seen.strays if not one.ends):
        return Do(TakeDown(strays))
    return _mount(seen, place) or _read(seen, place)


def _taken(seen: Seen, place: Place) -> Decision | None:
    """Take over no object of that name that is not ours."""
    claim = seen.claim.thing if seen.claim and not place.claim else None
    reader = seen.reader.thing if seen.reader else None
    for one in (claim, seen.volume, seen.service, reader):
        if one is not None and not one.ours:
            return _waits(seen, "NameTaken", f"{one} is not Shale's: delete or rename it")
    return None


def _mount(seen: Seen, place: Place) -> Decision | None:
    """From nothing to a claim that is bound; None when there is one."""
    claim = seen.claim
    if claim is None:
        if not place.claim:
            return Do(MakeClaim())
        missing = f"claim {seen.about.namespace}/{place.claim} is not there: create it, and put the model on it"
        return _waits(seen, "ClaimNotFound", missing)
    if place.claim:
        return _theirs(seen, claim)
    for one in (claim.thing, seen.volume):
        if one is not None and one.ends:
            cure = "end the Pods that use it, and see who serves its finalizers"
            return _passes(seen, "Ending", f"waits for the former {one} to be gone", one, cure)
        if one is not None and one.generation < seen.about.generation:
            return Do(Adopt(one))
    if seen.volume is None:
        return Do(MakeVolume(claim.thing.uid))
    if not claim.bound:
        why = f"{claim.thing} is not bound to {seen.volume} yet" + (f" ({claim.why})" if claim.why else "")
        cure = "see that the cluster's volume controller runs, or delete both: they are made anew"
        return _passes(seen, "Binding", why, claim.thing, cure)
    return None


def _theirs(seen: Seen, claim: Claim) -> Decision | None:
    """Use a claim of the user's when there can be something on it."""
    what = f"claim {claim.thing.namespace}/{claim.thing.name}"
    if claim.thing.ends:
        return _waits(seen, "ClaimEnds", f"{what} is being deleted: make a version over another claim")
    if claim.lost:
        return _waits(
            seen, "ClaimLost", f"{what} has lost its volume: restore it, or make a version over another claim"
        )
    if claim.block:
        return _waits(seen, "ClaimIsBlock", f"{what} is a block device: give a claim with volumeMode Filesystem")
    if not claim.bound:
        why = claim.why or "its volume is not there"
        return _waits(seen, "ClaimNotBound", f"{what} is not bound ({why}): let what writes the model run first")
    return None


def _read(seen: Seen, place: Place) -> Decision:
    """From a claim to a reader that answers, and on until the image stands."""
    if seen.service is None:
        return Do(MakeService())
    if seen.reader is None:
        claim = seen.claim.thing.uid if seen.claim else ""
        return Do(MakeReader(claim, PATIENCE if seen.before else 0))
    if seen.reader.proof != seen.proof and not seen.reader.thing.ends:
        return Do(Replace(seen.reader.thing, seen.before))  # it knows an older key's token, and would refuse the pool
    match seen.reader.state:
        case Serves():
            return _serves(seen, place)
        case Starts(message):
            return _waits(seen, "ReaderStarts", f"{message}, to read {place.title}", stalled=False)
        case Stuck(reason, message):
            return _waits(seen, reason, message)
        case Ended():
            return _ended(seen, seen.reader, seen.reader.state)


def _serves(seen: Seen, place: Place) -> Decision:
    if not seen.said:
        return Do(Say((StorageReady(about=seen.about, uri=seen.uri, title=place.title),)))
    return _waits(seen, "Reading", "its reader answers", WATCH, stalled=False)


def _ended(seen: Seen, reader: Reader, ended: Ended) -> Decision:
    """Replace a reader that is over; one that says why rests first, and the next one carries its words."""
    if ended.reason and seen.now - ended.at < _pace(seen):
        return _waits(seen, ended.reason, ended.message)
    return Do(Replace(reader.thing, f"{ended.reason}: {ended.message}" if ended.reason else ""))


def _waits(seen: Seen, reason: str, message: str, again_in: float | None = 0, *, stalled: bool = True) -> Wait:
    """Wait, and look again after so many seconds; 0: at the pace of the wish's age, None: not until a fact comes."""
    pace = _pace(seen) if again_in == 0 else again_in
    return Wait(reason, message, until=seen.now + A_DAY, again_in=pace, stalled=stalled)


def _passes(seen: Seen, reason: str, message: str, thing: Thing, cure: str) -> Wait:
    """Wait for what passes by itself; somebody must act when it has not after so long."""
    late = 0 < thing.since < seen.now - TARDY
    return _waits(seen, reason, f"{message}: {cure}" if late else message, stalled=late)


def _pace(seen: Seen) -> float:
    return min(LATER, max(SOON, seen.age / AGING))
