"""AsyncAPI from examples and cards: with no services, with some."""

import pytest

from shale.blueprint.asyncapi import address, asyncapi, channel_of, channels
from shale.blueprint.examples import EXAMPLES
from shale.contracts.facts import Declared, Gone, ImageBuilt, Progressed, Released
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.runtime.service import Card

BAKER = Card(
    name="baker",
    does="bakes",
    kinds=("model", "modelversion"),
    hears=(Declared, Gone, Released),
    reads=(Progressed,),
    takes=(PackLayer,),
    says=(ImageBuilt,),
    asks=(ScanArtifact,),
)
OPERATIONS = asyncapi({"bakery": (BAKER,)})["operations"]


@pytest.mark.parametrize(
    ("type_", "pattern"),
    [
        pytest.param(
            "dev.shale.modelversion.image-built.v1",
            "shale.fact.modelversion.{namespace}.{name}.{uid}.{generation}.image-built",
            id="a milestone",
        ),
        pytest.param(
            "dev.shale.modelversion.layer-packed.v1",
            "shale.fact.modelversion.{namespace}.{name}.{uid}.{generation}.layer-packed.{part}",
            id="a milestone of a part",
        ),
        pytest.param(
            "dev.shale.modelversion.progressed.v1",
            "shale.now.modelversion.{namespace}.{name}.{uid}.{generation}.progressed.{part}",
            id="a reading",
        ),
        pytest.param(
            "dev.shale.job.pack-layer.v1", "shale.job.pack-layer.{namespace}.{uid}.{generation}.{part}", id="a job"
        ),
        pytest.param("dev.shale.model.gone.v1", "shale.gone.{uid}", id="the end of a uid"),
    ],
)
def test_the_address_of_a_message(type_: str, pattern: str):
    assert address(EXAMPLES[type_]) == pattern


@pytest.mark.parametrize(
    ("kind", "message", "name"),
    [
        pytest.param("model", Declared, "model.declared", id="a fact is of a kind"),
        pytest.param("modelversion", PackLayer, "job.pack-layer", id="a job is of none"),
        pytest.param("model", Gone, "gone", id="what is gone is of none"),
    ],
)
def test_the_name_of_a_channel(kind: str, message: type, name: str):
    assert channel_of(kind, message) == name


def test_all_that_is_said_on_one_subject_is_on_one_channel():
    assert list(channels()["gone"]["messages"]) == ["dev.shale.model.gone.v1", "dev.shale.modelversion.gone.v1"]


def test_without_services_there_are_channels_and_no_operations():
    page = asyncapi({})
    assert page["operations"] == {}
    assert page["channels"] == channels()


def test_a_card_receives_what_it_hears_reads_and_takes_and_sends_what_it_says_and_asks():
    assert {name: operation["action"] for name, operation in OPERATIONS.items()} == {
        "baker.hears.model.declared": "receive",
        "baker.hears.modelversion.declared": "receive",
        "baker.hears.gone": "receive",
        "baker.hears.modelversion.released": "receive",
        "baker.reads.modelversion.progressed": "receive",
        "baker.takes.job.pack-layer": "receive",
        "baker.says.modelversion.image-built": "send",
        "baker.asks.job.scan-artifact": "send",
    }


def test_an_operation_names_its_service_and_its_consumer():
    assert OPERATIONS["baker.hears.gone"] == {
        "action": "receive",
        "channel": {"$ref": "#/channels/gone"},
        "summary": "baker bakes",
        "tags": [{"name": "bakery"}],
        "x-jetstream-consumer": "baker",
    }
    assert "x-jetstream-consumer" not in OPERATIONS["baker.says.modelversion.image-built"]
