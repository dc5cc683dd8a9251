"""A blob sent in parts, each one request whose body is read while it is sent: what is lost is read and sent again."""

from shale.oci.distribution import committing
from shale.oci.distribution.committing import Large, Spoilt
from shale.oci.distribution.pace import Pace
from shale.oci.distribution.session import Session, counted
from shale.oci.distribution.transport import PIECE, Lost
from shale.oci.reel import Reel

_ANEW = 2
"""How often an upload that a registry lost is begun anew: after that it is left alone for as long as its job is."""


class Parts:
    """One upload, of which the registry holds so many bytes. Where blobs go whole, all is one part."""

    def __init__(self, session: Session, held: int) -> None:
        self.session, self.held = session, held
        self._repo = session.repo
        self._whole = self._repo.profile.upload == "whole"
        self._anew = 0

    def send(self, reel: Reel, pace: Pace) -> None:
        """Send what the registry does not hold. Raises Transient; Spoilt when the upload is none any more."""
        if self.held > reel.size:
            self.session.cancel()
            self.held = 0
        if not self.session.url:
            self.session.begin()
        for _ in reel.read(self.held, self.held):  # for its hash, before a registry waits for what follows
            pass
        while self.held < reel.size:
            self._repo.client.tried(lambda: self._step(reel, pace))

    def smaller(self, size: int, large: Large) -> None:
        """Send half as much from now on. Raises Large when a registry would not take parts as small as that."""
        least = max(self.session.minimum, self._repo.profile.least_part)
        if self._whole or size <= least:
            raise large
        self._repo.client.largest = max(size // 2, least)

    def gentler(self, size: int) -> None:
        """Ask less of a connection from now on: it broke amid `size` bytes, and nothing of them is there.

        Each part has one of its own, and a fourth of the bytes, down to the least: so a line that breaks every so many
        bytes is crossed before an upload was begun anew too often.
        """
        self.session.alone = True
        least = max(self.session.minimum, self._repo.profile.least_part)
        if size > least:
            self._repo.client.largest = min(max(size // 4, least), self._repo.client.largest)

    def _step(self, reel: Reel, pace: Pace) -> None:
        """Send one part, or as much of it as goes. Raises Lost when that is next to nothing."""
        start, end = self.held, min(self.held + self._most(reel), reel.size)
        lost = Lost(f"{self._repo.client.host} took only a part of what was sent")
        pace.in_a_part = not self._whole
        try:
            self.held = self._sent(reel, start, end)
        except Large as large:
            self.smaller(end - start, large)
            pace.ended()
            return
        except Lost as failed:
            lost, self.held = failed, self._found(failed, start, end)
            if self.held <= start and not failed.busy:
                self.gentler(end - start)
        except Spoilt as failed:
            lost, self.held = Lost(str(failed)), self._found(failed, start, end)
        pace.ended()
        if self.held < end and (self.held - start < PIECE or lost.after):
            raise lost

    def _most(self, reel: Reel) -> int:
        if self._whole:
            return reel.size
        return max(min(self._repo.profile.part_bytes, self._repo.client.largest), self.session.minimum)

    def _sent(self, reel: Reel, start: int, end: int) -> int:
        """Send one part; return how much the registry holds then."""
        body = reel.span(start, end)
        if self._whole:
            committing.judge(self._repo, self.session.stream(body, end), "send a blob whole")
            return end
        answer = self.session.patch(body, start, end)
        committing.judge(self._repo, answer, f"send {end - start} bytes as a part")
        held = counted(answer) if self._repo.profile.counts else None
        return end if held is None else self._within(held, start, end)

    def _found(self, failed: Lost | Spoilt, start: int, end: int) -> int:
        """Ask how much arrived; where the upload is lost begin a new one."""
        if self._repo.profile.counts and not self._whole:
            if (held := self.session.held()) is not None:
                return self._within(held, start, end)
        elif isinstance(failed, Lost) and (start or failed.busy):
            return start  # a part that came twice is out of step, or its digest tells
        self._anew += bool(start)
        if self._anew > _ANEW:
            lost = f"what {self._repo.client.host} held of an upload is lost: it is sent again"
            raise Spoilt(f"{failed}; {lost}") from failed
        self.session.begin()
        return 0

    def _within(self, held: int, start: int, end: int) -> int:
        if not start <= held <= end:
            raise Spoilt(f"{self._repo.client.host} holds {held} bytes of an upload, we sent {start}: it is sent again")
        return held
