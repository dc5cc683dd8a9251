"""A blob sent in parts, each held until the registry has it: what is lost on the way is sent again from here."""

import msgspec

from shale.oci.digest import Block, Hasher
from shale.oci.distribution import committing
from shale.oci.distribution.buffer import Buffer
from shale.oci.distribution.committing import Large, Spoilt
from shale.oci.distribution.repository import Repository
from shale.oci.distribution.session import Session, counted
from shale.oci.distribution.transport import Lost
from shale.oci.registry import Mismatch, Pushed

_LARGEST = 2**28  # a registry that wants larger parts than this is not one for a worker's memory


class Place(msgspec.Struct, frozen=True):
    """Where an upload stands, for another process; `url` opens it to its reader."""

    repo: str
    url: str


class PartsUpload:
    """See `registry.Upload`. One that fits into the first part is sent as a whole."""

    def __init__(self, repo: Repository, place: str = "") -> None:
        self._repo = repo
        self._session, self._sent = _taken_up(repo, place)
        self._skip = self._sent
        self._buffer = Buffer(max(repo.profile.part_bytes, 1))
        self._hasher = Hasher()
        self._kept = self._done = False

    def place(self) -> str:
        """Return the place, once a part was sent and where the registry's word on what it holds is worth something."""
        if not self._sent or not self._repo.profile.counts:
            return ""
        return msgspec.json.encode(Place(self._repo.name, self._session.url)).decode()

    def keep(self) -> str:
        """Return the place, and leave the upload there."""
        self._kept = bool(place := self.place())
        return place

    def write(self, block: Block) -> None:
        """Take the next bytes; send a part when it is full and more comes."""
        self._hasher.update(block)
        rest = memoryview(block)[self._skip :]
        self._skip -= len(block) - len(rest)
        while rest:
            if self._buffer.full:
                self._flush()
            rest = rest[self._buffer.take(rest) :]

    def commit(self, expected: str | None = None) -> Pushed | Mismatch:
        """Send the rest and publish."""
        pushed = Pushed(self._hasher.digest, self._hasher.size)
        if expected not in {None, pushed.digest}:
            self._kept, self._sent = False, 0
            return Mismatch(str(expected), pushed.digest)
        try:
            self._publish(pushed)
        except Spoilt:
            self._kept, self._sent = False, 0
            raise
        self._done = True
        return pushed

    def leave(self) -> None:
        """Give the upload up, unless it is published or kept."""
        if not self._done and not self._kept:
            self._session.cancel()

    def _publish(self, pushed: Pushed) -> None:
        if not self._sent and self._sent_whole(pushed):
            return
        if self._skip:
            raise Spoilt(
                f"an upload to {self._repo.name} holds more than there is now: it is sent again from the start"
            )
        if len(self._buffer):
            self._send_held()
        committing.last(self._session, pushed)

    def _sent_whole(self, pushed: Pushed) -> bool:
        """Send what is held in one body; False when that would be, or was, too large for one."""
        if len(self._buffer) <= self._repo.client.largest:
            try:
                committing.whole(self._session, self._buffer.view(), pushed.digest)
            except Large as large:
                self._smaller(len(self._buffer), large)
            else:
                return True
        if not self._session.url:
            self._session.begin()
        return False

    def _flush(self) -> None:
        """Send what is held as one part."""
        if not self._session.url:
            self._session.begin()
        if self._sent or not self._wider():
            self._send_held()

    def _send_held(self) -> None:
        """Send what is held, in as many bodies as it takes."""
        done = 0

        def send() -> None:
            nonlocal done
            body = min(len(self._buffer) - done, self._repo.client.largest)
            wanted = done + body
            try:
                done = self._sent_from(done, body)
            except Large as large:
                self._smaller(body, large)
                return
            except (Lost, Spoilt) as failed:
                done = self._found(failed)
            if done < wanted:
                raise Lost(f"{self._repo.client.host} took only a part of what was sent")

        while done < len(self._buffer):
            self._repo.client.tried(send)
        self._sent += len(self._buffer)
        self._buffer.clear()

    def _smaller(self, size: int, large: Large) -> None:
        """Send half as much from now on. Raises Large when a registry would not take parts as small as that."""
        least = max(self._session.minimum, self._repo.profile.least_part)
        if size <= least:
            raise large
        self._repo.client.largest = max(size // 2, least)

    def _wider(self) -> bool:
        """Hold larger parts where the registry wants them; say whether there is room now for more."""
        minimum = self._session.minimum
        if minimum > _LARGEST:
            raise ValueError(f"{self._repo.client.host} takes no parts under {minimum} bytes: more than is held here")
        self._buffer.bound = max(self._buffer.bound, minimum)
        return not self._buffer.full

    def _sent_from(self, done: int, size: int) -> int:
        """Send `size` bytes that the registry does not hold of this part; return how much of it it holds then."""
        part = self._buffer.view(done)[:size]
        answer = self._session.patch(part, self._sent + done)
        committing.judge(self._repo, answer, f"send {size} bytes as a part")
        held = counted(answer) if self._repo.profile.counts else None
        return done + len(part) if held is None else self._within(held)

    def _found(self, failed: Lost | Spoilt) -> int:
        """Ask how much of this part arrived; where the upload is lost and this is its first part, begin a new one."""
        held = self._session.held() if self._repo.profile.counts else None
        if held is not None:
            return self._within(held)
        if not self._repo.profile.counts and isinstance(failed, Lost) and failed.busy:
            return 0
        if self._sent:
            raise Spoilt(
                f"{failed}; what {self._repo.client.host} held of an upload is lost: it is sent again"
            ) from failed
        self._session.begin()
        return 0

    def _within(self, held: int) -> int:
        done = held - self._sent
        if not 0 <= done <= len(self._buffer):
            raise Spoilt(
                f"{self._repo.client.host} holds {held} bytes of an upload, we sent {self._sent}: it is sent again"
            )
        return done


def _taken_up(repo: Repository, place: str) -> tuple[Session, int]:
    """Return the upload at a place, and how many bytes it holds; a new one where there is none any more."""
    if not place:
        return Session(repo), 0
    found = msgspec.json.decode(place, type=Place)
    if found.repo != repo.name:
        raise ValueError(f"a place in {found.repo} is none in {repo.name}")
    session = Session(repo, repo.client.lead(repo.client.base, found.url))
    held = session.held()
    return (session, held) if held else (Session(repo), 0)
