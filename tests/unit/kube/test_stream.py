"""Lines out of chunks, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts.errors import Transient
from shale.kube.connection import Stream


class Body:
    """An answer whose body comes in these chunks."""

    status = 200

    def __init__(self, chunks):
        self.chunks = chunks
        self.content = self

    async def iter_any(self):
        for chunk in self.chunks:
            yield chunk


async def lines(chunks):
    return [line async for line in Stream(Body(chunks)).lines()]  # pyright: ignore[reportArgumentType]


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8), st.data())
async def test_the_lines_are_those_that_were_sent(sent, data):
    whole = b"".join(line + b"\n" for line in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert await lines(chunks) == sent


async def test_a_last_line_without_an_end_is_one_too():
    assert await lines([b"a\nb", b"c"]) == [b"a", b"bc"]


async def test_a_line_without_end_has_an_end(monkeypatch):
    monkeypatch.setattr(Stream, "LONGEST", 10)
    with pytest.raises(Transient, match="more than 10 bytes"):
        await lines([b"x" * 6, b"y" * 6])
