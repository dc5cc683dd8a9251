"""Headers are read as the safetensors library reads them, or more strictly; what is wrong is named by its place."""

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from shale.weights import safetensors
from shale.weights.dtypes import BITS, bytes_of
from shale.weights.safetensors import Broken, Header, Tensor

law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NAMES = TEXT.filter(lambda name: name != "__metadata__")
A_DTYPE = st.sampled_from(sorted(BITS))
ONE = b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'


def file(text: bytes, data: bytes = b"") -> bytes:
    return len(text).to_bytes(8, "little") + text + data


def parse(whole: bytes) -> Header | Broken:
    return safetensors.parse(whole, len(whole))


def taken_by_the_library(whole: bytes) -> bool:
    try:
        deserialize(whole)
    except SafetensorError:
        return False
    return True


@st.composite
def tensors(draw) -> list[Tensor]:
    """Tensors whose elements fill whole bytes: shapes with scalars and empty ones among them."""
    made: list[Tensor] = []
    for name in draw(st.lists(NAMES, unique=True, max_size=6)):
        dtype = draw(A_DTYPE)
        shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
        held = bytes_of(dtype, shape)
        if isinstance(held, str):
            shape, held = (4, *shape), bytes_of(dtype, (4, *shape))
        assert isinstance(held, int)
        made.append(Tensor(name, dtype, shape, 0, held))
    return made


METADATA = st.dictionaries(TEXT, TEXT, max_size=3)


@law
@given(tensors(), METADATA, st.data())
def test_what_is_written_is_read_again_here_and_by_the_library(made, metadata, data):
    laid = safetensors.arrange(made)
    held = data.draw(st.binary(min_size=(end := laid[-1].end if laid else 0), max_size=end))
    header = safetensors.write(laid, metadata)
    assert len(header) % 8 == 0
    assert safetensors.length(header[:8], len(header) + end) == len(header)
    read = safetensors.parse(header, len(header) + end)
    assert isinstance(read, Header)
    assert sorted(read.tensors, key=lambda one: one.name) == sorted(laid, key=lambda one: one.name)
    assert (read.metadata, read.length) == (metadata, len(header))
    theirs = {name: (found["dtype"], found["shape"], found["data"]) for name, found in deserialize(header + held)}
    assert theirs == {one.name: (one.dtype, list(one.shape), held[one.start : one.end]) for one in laid}


NUMPY = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "I16": "<i2",
    "U16": "<u2",
    "F16": "<f2",
    "I32": "<i4",
    "U32": "<u4",
    "F32": "<f4",
    "C64": "<c8",
    "F64": "<f8",
    "I64": "<i8",
    "U64": "<u8",
}


@law
@given(tensors(), st.dictionaries(TEXT, TEXT, max_size=1))
def test_a_file_is_the_one_that_the_library_would_have_saved(made, metadata):
    laid = safetensors.arrange([one for one in made if one.dtype in NUMPY])
    arrays = {one.name: np.zeros(one.shape, NUMPY[one.dtype]) for one in laid}
    assert save(arrays, metadata or None) == safetensors.write(laid, metadata) + bytes(laid[-1].end if laid else 0)


@law
@given(tensors())
def test_each_tensor_begins_at_a_multiple_of_its_width(made):
    for tensor in safetensors.arrange(made):
        assert tensor.start % max(1, BITS[tensor.dtype] // 8) == 0


@law
@given(tensors(), st.randoms())
def test_the_layout_does_not_know_in_which_order_tensors_were_found(made, random):
    assert safetensors.arrange(random.sample(made, len(made))) == safetensors.arrange(made)


@st.composite
def damaged(draw) -> bytes:
    """A file whose header was spoilt: bytes changed, cut, put in; or numbers, members and keys of its JSON changed."""
    laid = safetensors.arrange(draw(tensors()))
    whole = safetensors.write(laid, draw(METADATA)) + bytes(laid[-1].end if laid else 0)
    end = 8 + int.from_bytes(whole[:8], "little")
    text, data = whole[8:end], whole[end:]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        piece = draw(
            st.binary(max_size=2)
            | st.sampled_from((b"0", b"1", b"-", b"9" * 20, b"1e2", b"[", b"]", b"{", b"}", b",", b" ", b'"', b"null"))
        )
        text = text[:at] + piece + text[draw(st.integers(at, min(at + 3, len(text)))) :]
    return file(text, data[draw(st.integers(0, 1)) :] + bytes(draw(st.integers(0, 1))))


@law
@given(damaged())
@example(file(ONE, b"xy"))
def test_what_the_library_refuses_is_refused_here_too_and_by_a_place_in_the_file(whole):
    match parse(whole):
        case Broken(offset=offset, reason=reason):
            assert 0 <= offset <= len(whole)
            assert reason
        case Header() as header:
            theirs = {name: (found["dtype"], found["shape"]) for name, found in deserialize(whole)}
            assert theirs == {one.name: (one.dtype, list(one.shape)) for one in header.tensors}


@law
@given(st.binary(max_size=200))
def test_any_bytes_at_all_have_an_answer(whole):
    assert isinstance(parse(whole), Broken) or taken_by_the_library(whole)


SHAPES = ((), (0,), (1,), (3,), (2,), (4,), (8, 3), (2**32, 2**32), (2**61, 0), (0, 2**64 - 1), (2**64 - 1, 2))


@pytest.mark.parametrize("dtype", [*BITS, "F4_E2M1", "I4", "f32", "C128", ""])
def test_dtypes_and_shapes_are_the_librarys(dtype):
    for shape in SHAPES:
        held = bytes_of(dtype, shape)
        size = held if isinstance(held, int) else (BITS.get(dtype, 8) * 3 + 7) // 8
        whole = file(of(entry(f'"{dtype}"', json.dumps(shape), f"[0,{size}]")), bytes(size))
        assert taken_by_the_library(whole) is isinstance(held, int) is isinstance(parse(whole), Header), shape


def entry(dtype: str = '"U8"', shape: str = "[2]", offsets: str = "[0,2]", name: str = "a") -> bytes:
    return f'"{name}":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'.encode()


def of(*entries: bytes) -> bytes:
    return b"{" + b",".join(entries) + b"}"


REFUSED = [
    pytest.param(b"", 0, "has no header", id="a file of nothing"),
    pytest.param(b"1234567", 7, "has no header", id="a file too short for a length"),
    pytest.param((100_000_001).to_bytes(8, "little"), 0, "at most 100000000", id="a header over the reference's bound"),
    pytest.param(b"\xff" * 8, 0, "18446744073709551615", id="a length of all ones"),
    pytest.param((3).to_bytes(8, "little") + b"{}", 0, "claims 3 bytes", id="a header beyond the file"),
    pytest.param(file(b""), 8, "does not begin with {", id="a header of nothing"),
    pytest.param(file(b"[]"), 8, "does not begin with {", id="a list"),
    pytest.param(file(b" {}"), 8, "does not begin with {", id="a space before it"),
    pytest.param(file(b'{"\xff":1}'), 10, "not UTF-8", id="not UTF-8"),
    pytest.param(file(b"{"), 9, "no string", id="an object that does not end"),
    pytest.param(file(b'{"a'), 9, "does not end", id="a name that does not end"),
    pytest.param(file(b'{"a\\ud800":1}'), 9, "no text", id="half of a surrogate pair"),
    pytest.param(file(b"{}x"), 10, "other than spaces", id="something behind the JSON"),
    pytest.param(file(b"{}\n"), 10, "other than spaces", id="padding that is no space"),
    pytest.param(file(of(entry(), entry()), b"xy"), 9 + len(entry()) + 1, "second time", id="a tensor twice"),
    pytest.param(
        file(b'{"__metadata__":{"k":"1","\\u006b":"2"}}'), 33, "second time", id="a key twice in two spellings"
    ),
    pytest.param(file(b'{"__metadata__":{"k":1}}'), 29, "no string", id="metadata that is no text"),
    pytest.param(file(b'{"__metadata__":null}'), 24, "an object", id="metadata that is nothing"),
    pytest.param(file(of(entry(dtype='"U9"')), b"xy"), 9, "'U9' is unknown", id="an unknown dtype"),
    pytest.param(file(of(entry(dtype="8")), b"xy"), 22, "no string", id="a dtype that is a number"),
    pytest.param(file(of(entry(shape="[3]")), b"xy"), 9, "2 bytes, its dtype and shape 3", id="a shape too large"),
    pytest.param(file(of(entry(shape="[-2]")), b"xy"), 36, "no whole number", id="a negative dimension"),
    pytest.param(file(of(entry(shape="[2.0]")), b"xy"), 36, "no whole number", id="a fraction"),
    pytest.param(file(of(entry(shape="[02]")), b"xy"), 36, "no whole number", id="a leading zero"),
    pytest.param(file(of(entry(shape=f"[{2**64}]")), b"xy"), 36, "no whole number", id="more than 64 bits"),
    pytest.param(file(of(entry(shape=f"[{'9' * 5000}]")), b"xy"), 36, "no whole number", id="a number of 5000 digits"),
    pytest.param(
        file(of(entry(shape=f"[{2**63},2,0]")), b"xy"), 9, "64 bits count", id="a product beyond 64 bits, though empty"
    ),
    pytest.param(file(of(entry(offsets="[2,0]")), b"xy"), 9, "its range has -2 bytes", id="an end before its begin"),
    pytest.param(file(of(entry(offsets="[0]")), b"xy"), 9, "1 data_offsets", id="a begin without an end"),
    pytest.param(file(of(entry(offsets="[0,1,2]")), b"xy"), 9, "3 data_offsets", id="three offsets"),
    pytest.param(file(of(entry('"F4"', "[3]", "[0,2]")), b"xy"), 9, "end at a byte", id="half a byte"),
    pytest.param(file(b'{"a":{"dtype":"U8","shape":[2]}}', b"xy"), 9, "lacks", id="a tensor without a place"),
    pytest.param(
        file(b'{"a":{"dtype":"U8","extra":{},"shape":[2],"data_offsets":[0,2]}}', b"xy"),
        27,
        "'extra'",
        id="a member that the format does not know",
    ),
    pytest.param(file(of(entry(offsets="[1,3]")), b"xyz"), 9, "leaves 1 bytes free", id="a hole before the first"),
    pytest.param(
        file(of(entry(), entry(name="b", offsets="[3,5]")), b"xyzuv"),
        9 + len(entry()) + 1,
        "leaves 1 bytes free",
        id="a hole between two",
    ),
    pytest.param(
        file(of(entry(), entry(name="b", offsets="[1,3]")), b"xyz"),
        9 + len(entry()) + 1,
        "overlaps",
        id="two that overlap",
    ),
    pytest.param(
        file(of(entry(), entry(name="b")), b"xy"), 9 + len(entry()) + 1, "overlaps", id="two in the same place"
    ),
    pytest.param(file(of(entry()), b"x"), 9, "ends at 2, the data has 1", id="a file cut short"),
    pytest.param(file(of(entry()), b"xyz"), 8 + len(of(entry())) + 2, "1 bytes follow", id="bytes behind the last"),
]


@pytest.mark.parametrize(("whole", "offset", "reason"), REFUSED)
def test_a_broken_file_is_refused_by_place_and_reason(whole, offset, reason):
    broken = parse(whole)
    assert isinstance(broken, Broken)
    assert broken.offset == offset
    assert re.search(re.escape(reason), broken.reason)


TAKEN = [
    pytest.param(file(b"{}"), id="no tensor at all"),
    pytest.param(file(b"{}      "), id="spaces behind it"),
    pytest.param(file(b'{ "a" :\n{"shape":[ 2 ] ,"data_offsets":[0 ,2],\t"dtype":"U8"} } ', b"xy"), id="white space"),
    pytest.param(file(of(entry(name="\\u00e9\\ud83d\\ude00/\\n")), b"xy"), id="names in escapes"),
    pytest.param(file(of(entry(shape="[]", offsets="[0,1]")), b"x"), id="a scalar"),
    pytest.param(file(of(entry(shape="[0,5]", offsets="[0,0]"), entry(name="b")), b"xy"), id="an empty tensor"),
    pytest.param(file(of(entry(name="")), b"xy"), id="a name of nothing"),
    pytest.param(file(of(entry(name="b", offsets="[2,4]"), entry()), b"wxyz"), id="not in the order of the data"),
    pytest.param(file(of(entry('"F6_E2M3"', "[4]", "[0,3]")), b"xyz"), id="six bits, four times"),
    pytest.param(file(b'{"__metadata__":{}}'), id="metadata without a key"),
]


@pytest.mark.parametrize("whole", TAKEN)
def test_what_is_unusual_and_whole_is_read_as_the_library_does(whole):
    assert taken_by_the_library(whole)
    assert isinstance(parse(whole), Header)


def test_only_the_header_need_be_at_hand():
    whole = file(ONE, b"xy")
    header = safetensors.parse(whole[:-2], len(whole))
    assert header == Header((Tensor("a", "U8", (2,), 0, 2),), {}, len(whole) - 2)
    assert safetensors.parse(whole[:-3], len(whole)) == Broken(
        len(whole) - 3, "of the header's 61 bytes only 60 are here"
    )
