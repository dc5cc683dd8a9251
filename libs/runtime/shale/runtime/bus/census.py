"""Who was declared: the subjects of all wishes, read from the stream's own index."""

from collections.abc import Iterable

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import read
from shale.runtime.telemetry import skipped


class JetCensus:
    """Reads subjects only; the server answers 100,000 of them at a time, in one order."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def gone(self, uid: str) -> bool:
        """Return whether a uid is over, as far back as that is remembered. Raises Transient."""
        level = await read(self.bus, streams.FACTS.name, (subjects.of_gone(uid),))
        return any(said.is_gone for said in level.said)

    async def declared(self, kind: str, namespace: str = "") -> Iterable[About]:
        """Return whoever has a `Declared` of this kind (in one namespace), the newest generation each.

        Raises Transient.
        """
        return await declared(self.bus, subjects.wishes(kind, namespace))


async def declared(bus: Bus, wishes: str) -> Iterable[About]:
    """Return whoever has a `Declared` under a filter of wishes, the newest generation each. Raises Transient."""
    newest: dict[str, About] = {}
    found, _ = await listed(bus, wishes)
    for about in filter(None, map(about_of, found)):
        if about.uid not in newest or newest[about.uid].generation < about.generation:
            newest[about.uid] = about
    return newest.values()


async def listed(bus: Bus, chosen: str) -> tuple[list[str], int]:
    """Return the subjects of facts under a filter, however many, and the last sequence that they surely reach to.

    The leader answers. Raises Transient.
    """
    found: list[str] = []
    last: int | None = None
    total = 1
    while len(found) < total:
        body = {"subjects_filter": chosen, "offset": len(found)}
        answer = await bus.api(f"STREAM.INFO.{streams.FACTS.name}", body)
        if "error" in answer:
            raise Transient(f"{streams.FACTS.name}: {answer['error'].get('description')}")
        page: dict[str, int] = answer["state"].get("subjects") or {}
        last = int(answer["state"].get("last_seq", 0)) if last is None else last
        found += page
        total = int(answer.get("total", 0)) if page else 0
    return found, last or 0


def about_of(subject: str) -> About | None:
    """Return whom a subject is about; what is none of ours is skipped, or it would hide all the others for ever."""
    try:
        return subjects.place(subject).about
    except subjects.SubjectError as error:
        skipped("undecodable", subject, error)
        return None
