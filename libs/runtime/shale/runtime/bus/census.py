"""Who was declared: the subjects of all wishes, read from the stream's own index."""

from collections.abc import Iterable

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import read
from shale.runtime.telemetry import skipped


class JetCensus:
    """Reads subjects only; the server answers 100,000 of them at a time."""

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
        newest: dict[str, About] = {}
        offset, total = 0, 1
        while offset < total:
            body = {"subjects_filter": subjects.wishes(kind, namespace), "offset": offset}
            answer = await self.bus.api(f"STREAM.INFO.{streams.FACTS.name}", body)
            if "error" in answer:
                raise Transient(f"{streams.FACTS.name}: {answer['error'].get('description')}")
            found: dict[str, int] = answer["state"].get("subjects") or {}
            for about in filter(None, map(_about, found)):
                if about.uid not in newest or newest[about.uid].generation < about.generation:
                    newest[about.uid] = about
            offset, total = offset + max(1, len(found)), int(answer.get("total", 0))
        return newest.values()


def _about(subject: str) -> About | None:
    """Return whom a subject is about; what is none of ours is skipped, or it would hide all the others for ever."""
    try:
        return subjects.place(subject).about
    except subjects.SubjectError as error:
        skipped("undecodable", subject, error)
        return None
