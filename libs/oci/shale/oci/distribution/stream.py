"""A large blob sent in one request, for registries that take no parts: a second thread sends while the first writes."""

from concurrent.futures import Future
from concurrent.futures import wait as until_done
from threading import Thread
from time import monotonic

from shale.contracts.errors import Transient
from shale.oci.digest import Block, Hasher
from shale.oci.distribution import committing
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.buffer import Buffer
from shale.oci.distribution.pipe import Left, Pipe
from shale.oci.distribution.repository import Repository
from shale.oci.distribution.session import Session
from shale.oci.distribution.transport import PIECE, Lost
from shale.oci.registry import Mismatch, Pushed

_LOOK = 0.5  # seconds after which a stop is heard
_LEAVES = 1.0  # seconds that a thread has to end in


class StreamUpload:
    """See `registry.Upload`. It cannot be taken up again: what is lost is lost whole.

    What is `known` goes in one PUT under its digest; else in one PATCH of unknown length, as docker does.
    """

    def __init__(self, repo: Repository, known: Pushed | None) -> None:
        self._repo, self._known = repo, known
        self._session = Session(repo)
        self._buffer = Buffer(repo.profile.part_bytes)
        self._hasher = Hasher()
        self._pipe = Pipe(repo.client.bounds.read, repo.client.heed)
        self._answer: Future[Answer] | None = None
        self._last = b""
        self._done = False

    def place(self) -> str:
        """Return no place."""
        return ""

    def keep(self) -> str:
        """Keep nothing."""
        return ""

    def write(self, block: Block) -> None:
        """Take the next bytes; those beyond the first few are sent while more is read."""
        self._hasher.update(block)
        rest = memoryview(block)
        if self._answer is None:
            rest = rest[self._buffer.take(rest) :]
            if not rest:
                return
            self._start()
        self._pour(rest)

    def commit(self, expected: str | None = None) -> Pushed | Mismatch:
        """Wait until all is sent, and publish."""
        pushed = Pushed(self._hasher.digest, self._hasher.size)
        wanted = self._known or pushed
        if wanted != pushed or expected not in {None, pushed.digest}:
            return Mismatch(wanted.digest if wanted != pushed else str(expected), pushed.digest)
        if self._answer is None:
            committing.whole(self._session, self._buffer.view(), pushed.digest)
        else:
            self._ended(self._answer, pushed)
        self._done = True
        return pushed

    def leave(self) -> None:
        """End the thread, and give up what is not published.

        A thread that waits for the answer to the last byte ends with that; a process does not wait for it.
        """
        self._pipe.leave()
        if self._answer:
            until_done([self._answer], _LEAVES)
        if not self._done:
            self._session.cancel()

    def _start(self) -> None:
        self._session.begin()
        self._answer = answer = Future[Answer]()
        Thread(target=self._work, args=(answer,), daemon=True, name="shale-upload").start()
        self._pour(self._buffer.view())

    def _work(self, answer: Future[Answer]) -> None:
        try:
            answer.set_result(self._send())
        except BaseException as error:  # noqa: BLE001 (it is raised where the answer is asked for)
            answer.set_exception(error)

    def _send(self) -> Answer:
        if self._known:
            return self._session.put(self._known.digest, self._pipe, self._known.size)
        return self._session.stream(self._pipe)

    def _pour(self, data: memoryview) -> None:
        """Hand over all but the last piece, without which no blob is whole; nothing of what is more than was known."""
        if self._known and self._hasher.size > self._known.size:
            return
        for at in range(0, len(data), PIECE):
            self._hand_over()
            self._last = bytes(data[at : at + PIECE])

    def _hand_over(self) -> None:
        answer, last = self._answer, self._last
        if answer and last and not self._put(answer, last):
            self._judge(answer)
            raise Transient(f"{self._repo.client.host} ended an upload to {self._repo.name} before its end")

    def _put(self, answer: Future[Answer], block: bytes | None) -> bool:
        try:
            return self._pipe.put(block, answer)
        except Lost as lost:
            raise Transient(f"{self._repo.client.host}: {lost}") from lost

    def _ended(self, answer: Future[Answer], pushed: Pushed) -> None:
        self._hand_over()
        self._put(answer, None)
        until = monotonic() + self._repo.client.bounds.commit
        while not answer.done() and monotonic() < until:
            until_done([answer], _LOOK)
            self._repo.client.heed()
        if not answer.done():
            raise Transient(f"{self._repo.client.host} does not answer in time")
        self._judge(answer)
        if not self._known:
            committing.last(self._session, pushed)

    def _judge(self, answer: Future[Answer]) -> None:
        try:
            committing.judge(self._repo, answer.result(), "send a blob whole")
        except Lost as lost:
            raise Transient(str(lost), lost.after) from lost
        except Left as left:
            raise Transient(f"an upload to {self._repo.name} was left") from left
