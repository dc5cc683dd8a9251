"""The users of NATS: what each card may say, hear and ask, and nothing besides."""

import pytest

from shale.blueprint.bususers import INIT, User, config, users
from shale.contracts import streams
from shale.contracts.facts import Declared, Gone, Held, ImageBuilt, LayerPacked, Progressed, Refused
from shale.contracts.jobs import PackLayer
from shale.runtime.installed import services
from shale.runtime.service import Card

FACTS = {f"$JS.API.{api}.SHALE_FACTS" for api in ("DIRECT.GET", "STREAM.MSG.GET", "STREAM.INFO")}
"""Everyone reads levels."""


def only(card: Card) -> User:
    return users({"painter": (card,)})[0]


def card(**fields) -> Card:
    return Card(name="painter", does="paints", kinds=("modelversion",), **fields)


@pytest.mark.parametrize(
    ("fields", "publish"),
    [
        pytest.param({}, set(), id="a card that says nothing may say nothing"),
        pytest.param(
            {"says": (ImageBuilt,)}, {"shale.fact.modelversion.*.*.*.*.image-built"}, id="a milestone of its own kinds"
        ),
        pytest.param(
            {"says": (LayerPacked,)}, {"shale.fact.modelversion.*.*.*.*.layer-packed.>"}, id="a milestone with any part"
        ),
        pytest.param(
            {"says": (Held, Refused)},
            {"shale.fact.modelversion.*.*.*.*.held.painter", "shale.fact.modelversion.*.*.*.*.refused.painter"},
            id="what is signed, in its own name only",
        ),
        pytest.param(
            {"says": (Progressed,)},
            {
                "shale.now.modelversion.*.*.*.*.progressed.painter",
                "shale.now.modelversion.*.*.*.*.progressed.painter.*",
                "$JS.API.STREAM.MSG.GET.SHALE_NOW",
                "$JS.API.STREAM.INFO.SHALE_NOW",
            },
            id="its own readings, which it reads before it replaces them",
        ),
        pytest.param(
            {"says": (Declared, Gone)},
            {
                "shale.fact.modelversion.*.*.*.*.declared",
                "shale.gone.*",
                *(f"$JS.API.STREAM.INFO.{stream}" for stream in streams.stored().values()),
            },
            id="who declares watches over all streams",
        ),
        pytest.param(
            {"hears": (ImageBuilt,)},
            {
                "$JS.ACK.SHALE_FACTS.painter.>",
                "$JS.API.CONSUMER.MSG.NEXT.SHALE_FACTS.painter",
                "shale.dead.SHALE_FACTS.*",
                "$JS.ACK.SHALE_TICKS.painter.>",
                "$JS.API.CONSUMER.MSG.NEXT.SHALE_TICKS.painter",
                "shale.dead.SHALE_TICKS.*",
                "shale.tick.painter.*.*.armed",
                "$JS.API.STREAM.INFO.SHALE_TICKS",
            },
            id="who hears has its consumers, its own ticks and a place for its dead",
        ),
        pytest.param(
            {"asks": (PackLayer,)},
            {"shale.job.pack-layer.>", "$JS.API.STREAM.INFO.SHALE_JOBS", "$JS.API.STREAM.PURGE.SHALE_JOBS"},
            id="who asks sees what is asked, and takes it back",
        ),
        pytest.param(
            {"purges": True},
            {
                "$JS.API.STREAM.MSG.DELETE.SHALE_FACTS",
                *(
                    f"$JS.API.STREAM.{verb}.SHALE_{name}"
                    for verb in ("INFO", "PURGE")
                    for name in ("JOBS", "NOW", "FACTS")
                ),
            },
            id="who purges may purge",
        ),
        pytest.param(
            {"buckets": ("b",)},
            {
                "$KV.b.>",
                "$JS.API.STREAM.INFO.KV_b",
                "$JS.API.STREAM.MSG.GET.KV_b",
                "$JS.API.CONSUMER.CREATE.KV_b.>",
                "$JS.API.CONSUMER.INFO.KV_b.*",
                "$JS.API.CONSUMER.MSG.NEXT.KV_b.*",
                "$JS.API.CONSUMER.DELETE.KV_b.*",
            },
            id="a bucket of its own is read, written, listed and watched",
        ),
        pytest.param(
            {"keys": (("b", "upload"),)},
            {"$KV.b.upload.>", "$JS.API.STREAM.MSG.GET.KV_b"},
            id="keys of its own in a bucket are written, and nothing else there",
        ),
    ],
)
def test_what_a_card_may_say(fields, publish):
    assert set(only(card(**fields)).publish) == publish | FACTS


def test_who_is_woken_by_what_others_refer_to_wakes_itself_for_them():
    more = set(only(card(hears=(ImageBuilt,), refers=(("model", Gone),))).publish)
    assert more - set(only(card(hears=(ImageBuilt,))).publish) == {"shale.tick.painter.*.*"}


@pytest.mark.parametrize(
    ("fields", "subscribe"),
    [
        pytest.param({"hears": (ImageBuilt,)}, set(), id="facts come by its consumer, as answers"),
        pytest.param(
            {"takes": (PackLayer,)},
            {"shale.fact.*.*.*.*.*.declared", "shale.gone.*"},
            id="who takes jobs hears at once what is over",
        ),
    ],
)
def test_what_a_card_may_hear(fields, subscribe):
    assert set(only(card(**fields)).subscribe) == subscribe | {"_INBOX.painter.>"}


def test_the_cards_of_one_service_are_one_user():
    other = Card(name="framer", does="frames", kinds=("model",), says=(Refused,))
    user = users({"workshop": (card(says=(Refused,)), other)})[0]
    assert user.name == "workshop"
    assert {one for one in user.publish if one.startswith("shale.fact")} == {
        "shale.fact.modelversion.*.*.*.*.refused.painter",
        "shale.fact.model.*.*.*.*.refused.framer",
    }


def test_nobody_but_the_watcher_declares_purges_or_deletes():
    rights = {user.name: set(user.publish) for user in users(services()) if user.name != "operator"}
    for subject in ("shale.gone.*", "$JS.API.STREAM.PURGE.SHALE_FACTS", "$JS.API.STREAM.MSG.DELETE.SHALE_FACTS"):
        assert [name for name, publish in rights.items() if subject in publish] == ["watcher"]


def test_no_fact_or_job_has_two_tellers():
    said: dict[str, list[str]] = {}
    for user in users(services()):
        if user.name not in {"operator", "init"}:
            for subject in user.publish:
                if subject.startswith(("shale.fact.", "shale.now.", "shale.job.", "shale.tick.")):
                    said.setdefault(subject, []).append(user.name)
    assert {subject: names for subject, names in said.items() if len(names) > 1} == {}


def test_only_init_makes_streams_and_only_services_say_words_of_ours():
    assert [one for one in INIT.publish if one.startswith("shale.")] == []
    for user in users(services()):
        if user.name not in {"operator", "init"}:
            assert [one for one in user.publish if "STREAM.CREATE" in one or "STREAM.UPDATE" in one] == []


def test_the_page_holds_each_user_and_no_password():
    page = config({"storage-painter": (card(),)})
    assert "user: storage-painter\n        password: $SHALE_PASSWORD_STORAGE_PAINTER\n" in page
    assert page.count("password: $") == page.count("user: ") == 3
    assert page.endswith("system_account: SYS\n")
