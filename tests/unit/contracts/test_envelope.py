"""How every message travels."""

import json
from typing import Any

import msgspec
import pytest

from shale.contracts.artifact import PackedLayer
from shale.contracts.envelope import MAX_BYTES, id_of, trace_of, type_of, unwrap, unwrap_from, wrap
from shale.contracts.facts import Declared, Gone, LayerPacked, Progressed, Refused, StorageReady
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import ModelVersionStatus
from shale.contracts.subjects import of_fact, of_gone, of_job, word
from shale.testkit.messages import messages
from shale.testkit.toys import ABOUT, declared

EVERY = messages()
NOW = 1_800_000_000.123
READY = EVERY[StorageReady]
DEEP = b"[" * 100_000 + b"]" * 100_000


def travelled(message, seq: int = 0) -> dict[str, Any]:
    return json.loads(wrap(message, "builder", NOW, seq))


def changed(message, **fields) -> bytes:
    return json.dumps(travelled(message) | fields).encode()


@pytest.mark.parametrize("kind", EVERY, ids=word)
def test_every_message_comes_back_as_it_was_sent(kind):
    envelope, message = unwrap(wrap(EVERY[kind], "builder", NOW))
    assert message == EVERY[kind]
    assert envelope.type == type_of(EVERY[kind])


@pytest.mark.parametrize("kind", EVERY, ids=word)
def test_every_message_is_a_cloudevent_with_nothing_that_is_null(kind):
    sent = travelled(EVERY[kind])
    assert {"specversion", "id", "source", "type", "subject", "time", "data", "datacontenttype"} <= set(sent)
    assert sent["specversion"] == "1.0"
    assert "null" not in json.dumps(sent)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Declared, "dev.shale.modelversion.declared.v1"),
        (Gone, "dev.shale.modelversion.gone.v1"),
        (Progressed, "dev.shale.modelversion.progressed.v1"),
        (PackLayer, "dev.shale.job.pack-layer.v1"),
    ],
)
def test_the_type_names_kind_word_and_major(kind, expected):
    assert type_of(EVERY[kind]) == expected


@pytest.mark.parametrize(
    ("message", "seq", "expected"),
    [
        pytest.param(READY, 0, "uid-1:1:storage-ready", id="a fact is named by its object and word"),
        pytest.param(EVERY[Refused], 0, "uid-1:1:refused:image-builder", id="a part is named too"),
        pytest.param(Progressed(ABOUT, "b", "Working"), 7, "uid-1:1:progressed:b:7", id="a reading has its number"),
    ],
)
def test_the_id_is_the_same_whoever_says_it_and_however_often(message, seq, expected):
    assert id_of(message, seq) == expected
    assert travelled(message, seq)["id"] == expected


def test_every_service_joins_the_trace_of_the_generation():
    first, second = travelled(READY), travelled(EVERY[PackLayer])
    version, trace, span, flags = first["traceparent"].split("-")
    assert (version, flags) == ("00", "01")
    assert trace == trace_of("uid-1", 1) == second["traceparent"].split("-")[1]
    assert span != second["traceparent"].split("-")[2]
    assert travelled(READY)["traceparent"] == first["traceparent"]
    assert trace_of("uid-1", 2) != trace


def test_the_time_is_rfc_3339_in_utc_to_the_millisecond():
    assert travelled(READY)["time"] == "2027-01-15T08:00:00.123Z"


def test_the_source_and_the_subject_are_the_service_and_the_object():
    sent = travelled(READY)
    assert (sent["source"], sent["subject"]) == ("/shale/builder", "team-a/mv-1")


# --- what comes from others


@pytest.mark.parametrize(
    "type_",
    [
        pytest.param("dev.shale.modelversion.weights-moved.v1", id="a word of the future"),
        pytest.param("dev.shale.modelversion.storage-ready.v2", id="a major of the future"),
        pytest.param("dev.shale.inference.declared.v1", id="a wish of a kind of the future"),
        pytest.param("dev.shale.job.storage-ready.v1", id="a fact that says it is a job"),
        pytest.param("dev.shale.modelversion.pack-layer.v1", id="a job that says it is a fact"),
        pytest.param("dev.cdevents.artifact.packaged.0.3.0", id="somebody else's word"),
        pytest.param("", id="none"),
    ],
)
def test_an_unknown_type_is_no_error_and_no_message(type_):
    envelope, message = unwrap(changed(READY, type=type_))
    assert message is None
    assert envelope.type == type_


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half a JSON"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'{"id":"x"}', id="an envelope without what it must have"),
        pytest.param(changed(READY, specversion="2.0"), id="another CloudEvents"),
        pytest.param(changed(READY, data={}), id="data without a field that it must have"),
        pytest.param(changed(READY, data=travelled(READY)["data"] | {"uri": 5}), id="a field of another type"),
        pytest.param(changed(READY, data=travelled(READY)["data"] | {"uri": None}), id="a null"),
        pytest.param(changed(READY, data="text"), id="data of another shape"),
    ],
)
def test_what_cannot_be_decoded_is_a_value_error(sent):
    with pytest.raises(ValueError):  # noqa: PT011 (that it is one is the contract, its text is msgspec's)
        unwrap(sent)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(changed(READY, data={"x": 0}).replace(b'"x": 0', b'"x": ' + DEEP), id="data of a known type"),
        pytest.param(changed(READY, beside=0).replace(b'"beside": 0', b'"beside": ' + DEEP), id="a field beside"),
        pytest.param(DEEP, id="nothing else"),
    ],
)
def test_what_is_nested_too_deeply_is_a_value_error(sent):
    with pytest.raises(ValueError, match=r"nested too deeply|Expected `object`"):
        unwrap(sent)


@pytest.mark.parametrize("kind", EVERY, ids=word)
def test_every_message_is_taken_from_its_own_subject(kind):
    message = EVERY[kind]
    subject = of_job(message) if isinstance(message, (PackLayer, ScanArtifact)) else of_fact(message)
    assert unwrap_from(subject, wrap(message, "builder", NOW))[1] == message


def about(**fields):
    return msgspec.structs.replace(ABOUT, **fields)


OTHER_KIND = wrap(Gone(about(kind="model")), "x", NOW)


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        pytest.param(of_fact(READY), wrap(StorageReady(about(uid="uid-2"), "u"), "x", NOW), id="of another uid"),
        pytest.param(of_fact(READY), wrap(StorageReady(ABOUT.at(2), "u"), "x", NOW), id="of another generation"),
        pytest.param(of_fact(READY), wrap(EVERY[Refused], "x", NOW), id="another word"),
        pytest.param(of_fact(READY), wrap(EVERY[PackLayer], "x", NOW), id="a job on a fact's subject"),
        pytest.param(of_job(EVERY[PackLayer]), wrap(READY, "x", NOW), id="a fact on a job's subject"),
        pytest.param(
            of_fact(READY), changed(READY, type="dev.shale.model.storage-ready.v1"), id="a type of another kind"
        ),
        pytest.param(of_fact(declared()), changed(declared(), type="dev.shale.model.declared.v1"), id="another's spec"),
        pytest.param(of_gone(ABOUT.uid), OTHER_KIND.replace(b'"mv-1"', b'"*"'), id="an end of a name that is a filter"),
        pytest.param(of_gone(ABOUT.uid), OTHER_KIND.replace(b'"mv-1"', b'"a b"'), id="an end of a name that is none"),
        pytest.param(
            of_gone(ABOUT.uid),
            OTHER_KIND.replace(b'"generation":1', b'"generation":-1'),
            id="an end of a generation that cannot be",
        ),
        pytest.param(
            of_job(EVERY[PackLayer]),
            wrap(EVERY[PackLayer], "x", NOW).replace(b'"kind":"modelversion"', b'"kind":"model.>"'),
            id="a job for a kind that is a filter",
        ),
        pytest.param("", wrap(READY, "x", NOW), id="no subject at all"),
    ],
)
def test_what_disagrees_with_its_subject_or_can_have_none_is_a_value_error(subject, sent):
    assert unwrap(sent)[1] is not None or b"model.declared" in sent, "it must be wrong for nothing else"
    with pytest.raises(ValueError):  # noqa: PT011 (each has its own words)
        unwrap_from(subject, sent)


def test_of_an_unknown_type_the_subject_is_not_looked_at():
    assert unwrap_from("anything", changed(READY, type="dev.shale.modelversion.newer.v1"))[1] is None


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (LayerPacked, (b'"weight"', b'"tile"')),
        (Progressed, (b'"Working"', b'"Dreaming"')),
    ],
)
def test_a_word_of_the_future_in_an_open_set_is_no_error(kind, change):
    assert unwrap(wrap(EVERY[kind], "x", NOW).replace(*change))[1] is not None


def test_a_wish_and_a_status_of_the_future_with_words_that_are_not_known_here_are_no_error():
    status = ModelVersionStatus(phase="Signing", layers=(PackedLayer("w", "tile", "sha256:a", 1),))
    wish = msgspec.structs.replace(declared(), known=status)
    later = msgspec.structs.replace(wish.spec, layout="tiles", deletion_policy="Archive")
    wish = msgspec.structs.replace(wish, spec=later)
    assert unwrap_from(of_fact(wish), wrap(wish, "x", NOW))[1] == wish


def test_fields_of_the_future_are_ignored_in_the_envelope_and_in_the_data():
    sent = travelled(READY)
    data = sent["data"] | {"mounted": True, "about": sent["data"]["about"] | {"cluster": "eu"}}
    assert unwrap(changed(READY, data=data, dataschema="x", partitionkey="y"))[1] == READY


def test_a_message_of_a_former_release_that_lacks_newer_fields_has_their_defaults():
    data = {"about": travelled(READY)["data"]["about"], "part": "b", "state": "Working"}
    assert unwrap(changed(EVERY[Progressed], data=data))[1] == Progressed(ABOUT, "b", "Working")


def test_what_is_too_large_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=f"storage-ready.v1 about team-a/mv-1 is .* at most {MAX_BYTES} travel: cut"):
        wrap(msgspec.structs.replace(READY, uri="x" * MAX_BYTES), "builder", NOW)


def test_what_just_fits_travels():
    room = MAX_BYTES - len(wrap(msgspec.structs.replace(READY, uri=""), "builder", NOW))
    assert len(wrap(msgspec.structs.replace(READY, uri="x" * room), "builder", NOW)) == MAX_BYTES
