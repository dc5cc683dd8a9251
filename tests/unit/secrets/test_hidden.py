"""A hidden value shows itself to `reveal` and to nothing else."""

import copy
import json
import logging
import pickle
import traceback

import msgspec
import pytest

from shale.runtime.telemetry import JsonLines
from shale.secrets.credentials import Basic
from shale.secrets.hidden import Hidden

SECRET = "s3cr3t-Pa55word"
HIDDEN = Hidden(SECRET)
BASIC = Basic("robot", HIDDEN, ("ghcr.io",))


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(repr(HIDDEN), id="repr"),
        pytest.param(str(HIDDEN), id="str"),
        pytest.param(f"{HIDDEN}", id="an f-string"),
        pytest.param(f"{HIDDEN!r}", id="an f-string's repr"),
        pytest.param("%s %r" % (HIDDEN, HIDDEN), id="percent"),  # noqa: UP031 (logging formats so)
        pytest.param(ascii(HIDDEN), id="ascii"),
        pytest.param(repr(BASIC), id="the struct around it"),
        pytest.param(repr({"a": [HIDDEN]}), id="what holds it"),
        pytest.param(repr(Hidden(SECRET.encode())), id="bytes"),
        pytest.param(json.dumps({"a": HIDDEN}, default=str), id="json with a default"),
    ],
)
def test_no_way_to_write_it_shows_it(shown):
    assert SECRET not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(msgspec.json.encode, id="msgspec's JSON"),
        pytest.param(msgspec.msgpack.encode, id="msgspec's msgpack"),
        pytest.param(msgspec.to_builtins, id="msgspec's builtins"),
        pytest.param(pickle.dumps, id="pickle"),
        pytest.param(copy.copy, id="a copy"),
        pytest.param(copy.deepcopy, id="a deep copy"),
        pytest.param(vars, id="vars"),
        pytest.param(json.dumps, id="json"),
    ],
)
def test_it_is_not_encoded(encode):
    with pytest.raises(TypeError) as refused:
        encode(HIDDEN)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.to_builtins, pickle.dumps, copy.deepcopy])
def test_a_struct_that_holds_it_is_not_encoded(encode):
    with pytest.raises(TypeError):
        encode(BASIC)


def test_a_log_record_does_not_tell_it():
    record = logging.LogRecord("test", logging.INFO, __file__, 1, "got %s", (BASIC,), None)
    record.__dict__["credential"] = BASIC
    assert SECRET not in JsonLines().format(record)


def test_a_traceback_with_all_locals_does_not_tell_it():
    password = HIDDEN

    def fail():
        raise RuntimeError(f"could not use {password}")

    with pytest.raises(RuntimeError) as raised:
        fail()
    told = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "password = Hidden(***)" in told
    assert SECRET not in told


def test_reveal_is_the_way_to_it():
    assert HIDDEN.reveal() == SECRET
    assert Hidden(b"x").reveal() == b"x"


def test_equal_secrets_are_equal_and_no_hash_tells_others_apart():
    assert Hidden("a") == Hidden("a")
    assert Hidden("a") != Hidden("b")
    assert Hidden("a") != "a"
    assert hash(Hidden("a")) == hash(Hidden("b"))
    assert len({BASIC, Basic("robot", Hidden(SECRET), ("ghcr.io",))}) == 1


def test_an_empty_one_is_false():
    assert not Hidden("")
    assert Hidden("x")
