"""Tags, referrers and deletion: what real and played registries do about them."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.oci import digest, manifest
from shale.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, MODEL_MANIFEST, Descriptor
from shale.oci.distribution.referrers import fallback
from shale.oci.profiles import DISTRIBUTION
from shale.oci.refusal import Refused
from shale.oci.registry import Unsupported, push
from shale.testkit import front

REPO = "team/resnet"
TABLE = "application/vnd.example.table"


def put(registry, name=b"one", tag=None, subject=None, kind=None):
    """Push a manifest of its own, perhaps about another one; return its descriptor."""
    config = Descriptor("application/octet-stream", digest.of(name), len(name))
    push(registry, REPO, name)
    annotations = {"name": name.decode()} if subject else None
    document = manifest.Manifest(config, (config,), 2, kind, subject, annotations)
    return registry.put_manifest(REPO, manifest.canonical(document), IMAGE_MANIFEST, tag)


def listed(of, kind, name):
    return msgspec.structs.replace(of, artifact_type=kind, annotations={"name": name})


# --- referrers


def test_what_refers_to_a_manifest_is_listed_under_the_fallback_tag_where_the_registry_lists_nothing(distribution_at):
    registry = distribution_at("plain")
    subject = put(registry)
    table, pack = put(registry, b"two", None, subject, TABLE), put(registry, b"three", None, subject, MODEL_MANIFEST)
    wanted = {table.digest: listed(table, TABLE, "two"), pack.digest: listed(pack, MODEL_MANIFEST, "three")}
    assert registry.referrers(REPO, subject.digest) == tuple(wanted[name] for name in sorted(wanted))
    found = registry.resolve(REPO, fallback(subject.digest))
    assert found is not None
    assert found.media_type == IMAGE_INDEX


def test_the_fallback_tag_is_no_tag_of_anybodys(distribution_at):
    registry = distribution_at("plain")
    put(registry, b"two", "v1", put(registry), TABLE)
    assert registry.tags(REPO) == ("v1",)


def test_putting_a_referrer_twice_lists_it_once(distribution_at):
    registry = distribution_at("plain")
    subject = put(registry)
    for _ in range(2):
        put(registry, b"two", None, subject, TABLE)
    assert len(registry.referrers(REPO, subject.digest)) == 1


def test_the_subject_need_not_be_there(distribution_at):
    registry = distribution_at("plain")
    nowhere = Descriptor(IMAGE_MANIFEST, digest.of(b"nowhere"), 7)
    one = put(registry, b"two", None, nowhere, TABLE)
    assert registry.referrers(REPO, nowhere.digest) == (listed(one, TABLE, "two"),)


def test_a_referrer_that_is_deleted_is_listed_no_more(distribution_at):
    registry = distribution_at("plain")
    subject = put(registry)
    gone, stays = put(registry, b"two", None, subject, TABLE), put(registry, b"three", None, subject, TABLE)
    assert registry.delete(REPO, gone.digest)
    assert registry.referrers(REPO, subject.digest) == (listed(stays, TABLE, "three"),)


def test_a_list_that_somebody_else_changed_at_once_is_changed_again(rough):
    subject = put(rough.registry)
    other = put(rough.registry, b"two", None, subject, TABLE)
    theirs = manifest.canonical(manifest.Index((listed(other, TABLE, "two"),), schema_version=2))

    def overwritten(exchange):
        exchange.forward()
        reply = exchange.forward(body=theirs)
        exchange.reply(reply.status, reply.headers, reply.data)

    rough.front.on("^PUT .*/manifests/sha256-", overwritten)
    put(rough.registry, b"three", None, subject, TABLE)
    assert len(rough.registry.referrers(REPO, subject.digest)) == 2


def test_a_fallback_tag_that_names_something_else_is_left_alone(distribution_at):
    registry = distribution_at("plain")
    subject = put(registry)
    put(registry, b"an image of somebody's", fallback(subject.digest))
    with pytest.raises(ValueError, match="is no list of referrers: somebody gave that tag to something else"):
        put(registry, b"two", None, subject, TABLE)


def test_a_registry_that_lists_referrers_itself_gets_no_fallback_tag(rough):
    subject = put(rough.registry)
    rough.front.on("^PUT .*/manifests/", front.with_headers({"OCI-Subject": subject.digest}))
    one = put(rough.registry, b"two", None, subject, TABLE)
    assert rough.registry.resolve(REPO, fallback(subject.digest)) is None
    pages = [manifest.canonical(manifest.Index((entry,), schema_version=2)) for entry in (one, subject)]
    link = {"Link": f'</v2/{REPO}/referrers/next>; rel="next"'}
    rough.front.on("^GET .*/referrers/sha256", front.answer(200, {"Content-Type": IMAGE_INDEX} | link, pages[0]))
    rough.front.on("^GET .*/referrers/next", front.answer(200, {"Content-Type": IMAGE_INDEX}, pages[1]))
    assert rough.registry.referrers(REPO, subject.digest) == (one, subject)


# --- tags


def test_tags_come_in_pages(rough):
    put(rough.registry)
    for at, tags in enumerate((b'["b","a"]', b'["c"]', b"null")):
        link = {"Link": f'</v2/{REPO}/tags/list?n=2&last={at}>; rel="next"'} if at < 2 else {}
        rough.front.on("^GET .*/tags/list", front.answer(200, link, b'{"name":"x","tags":' + tags + b"}"))
    assert rough.registry.tags(REPO) == ("a", "b", "c")
    assert rough.front.count("tags/list.n=2&last=1") == 1


def test_pages_that_never_end_are_given_up(rough, monkeypatch):
    monkeypatch.setattr("shale.oci.distribution.links._MOST", 20)
    link = {"Link": f'</v2/{REPO}/tags/list>; rel="next"'}
    rough.front.on("^GET .*/tags/list", front.answer(200, link, b'{"tags":["a"]}'), times=999)
    with pytest.raises(Refused, match=r"lists team/resnet in more than 20 pages, as no registry does"):
        rough.registry.tags(REPO)
    assert rough.front.count("^GET .*/tags/list") == 20


def test_pages_that_are_too_much_in_all_are_given_up(rough, monkeypatch):
    monkeypatch.setattr("shale.oci.distribution.links._MOST_BYTES", 3000)
    link = {"Link": f'</v2/{REPO}/tags/list>; rel="next"'}
    rough.front.on("^GET .*/tags/list", front.answer(200, link, b'{"tags":[]}' + b" " * 989), times=999)
    with pytest.raises(Refused, match=r"lists team/resnet in more than 3000 bytes"):
        rough.registry.tags(REPO)
    assert rough.front.count("^GET .*/tags/list") == 4


def test_tags_without_an_end_are_given_up(rough, monkeypatch):
    """Each page names others; a tag that is listed twice, or is none, is not counted."""
    monkeypatch.setattr("shale.oci.distribution.tags.MOST", 20)
    counted = itertools.count()

    def lists(exchange):
        at = next(counted)
        names = [*(f"t{at}-{number}" for number in range(4)), "latest", "no tag", "x" * 129, "sha256-" + "a" * 64]
        link = {"Link": f'</v2/{REPO}/tags/list?last={at}>; rel="next"'}
        exchange.reply(200, link, json.dumps({"tags": names}).encode())

    rough.front.on("^GET .*/tags/list", lists, times=999)
    with pytest.raises(Refused, match=r"team/resnet has more than 20 tags: delete those that nobody needs"):
        rough.registry.tags(REPO)
    assert rough.front.count("^GET .*/tags/list") == 5


def test_an_answer_larger_than_any_list_is_refused(rough):
    rough.front.on("^GET .*/tags/list", front.answer(200, {}, b" " * (2**22 + 1)))
    with pytest.raises(ValueError, match="an answer is larger than 4194304 bytes"):
        rough.registry.tags(REPO)


# --- deletion


def test_untagging_leaves_the_other_tags_of_the_same_manifest(distribution_at):
    registry = distribution_at("plain")
    named = [put(registry, b"one", tag) for tag in ("v1", "v2")]
    assert registry.untag(REPO, "v1") is True
    assert registry.tags(REPO) == ("v2",)
    assert registry.resolve(REPO, "v2") == named[0] == named[1]


def test_a_tag_that_moves_while_it_is_taken_away_stays_where_it_moved(rough):
    registry = rough.registry
    put(registry, b"one", "v1")
    moved = []

    def moves(exchange):
        moved.append(put(registry, b"two", "v1"))
        front.pass_on(exchange)

    rough.front.on("^DELETE .*/manifests/sha256", front.pass_on)
    rough.front.on("^DELETE .*/manifests/sha256", moves)
    assert registry.untag(REPO, "v1") is True
    assert registry.resolve(REPO, "v1") == moved[0]


def test_untag_by_tag_where_the_registry_can(rough):
    put(rough.registry, b"one", "v1")
    rough.front.calm()
    rough.front.on("^DELETE .*/manifests/v1", front.answer(202))
    assert rough.registry.untag(REPO, "v1") is True
    assert [one.method for one in rough.front.seen] == ["DELETE"]


def test_many_threads_untag_the_same_tag(distribution_at):
    registry = distribution_at("plain")
    put(registry, b"one", "v1")

    def untagged(_: int) -> bool | Unsupported | None:
        with suppress(Transient):  # docker-registry loses one of those that meet: who meets others tries again
            return registry.untag(REPO, "v1")

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(untagged, range(8))) <= {True, False, None}
    assert registry.untag(REPO, "v1") in {True, False}
    assert registry.resolve(REPO, "v1") is None
    assert "v1" not in registry.tags(REPO)


def test_where_deletion_is_off_nothing_moves_and_it_is_said(distribution_at):
    registry = distribution_at("keeping")
    named = put(registry, b"one", "v1")
    for answer in (registry.delete(REPO, named.digest), registry.untag(REPO, "v1")):
        assert isinstance(answer, Unsupported)
        assert "deletes nothing through its API" in answer.message
    assert registry.resolve(REPO, "v1") == named
    assert isinstance(registry.delete(REPO, digest.of(b"one")), Unsupported)
    assert registry.delete(REPO, digest.of(b"never there")) is False
    assert registry.untag(REPO, "never-there") is False


def test_a_registry_known_to_delete_nothing_is_not_asked(distribution_behind):
    profile = msgspec.structs.replace(DISTRIBUTION, deletes=False)
    rough = distribution_behind("plain", profile=lambda _: profile)
    assert isinstance(rough.registry.untag(REPO, "v1"), Unsupported)
    assert isinstance(rough.registry.delete(REPO, digest.of(b"x")), Unsupported)
    assert rough.front.count("^DELETE") == 0


def test_a_deletion_whose_answer_is_lost_is_not_done_twice_by_name(rough):
    named = put(rough.registry, b"one", "v1")
    rough.front.on("^DELETE .*/manifests/sha256", front.lose_answer)
    assert rough.registry.delete(REPO, named.digest) in {True, False}
    assert rough.registry.resolve(REPO, named.digest) is None


# --- mount


@pytest.mark.parametrize("status", [202, 405])
def test_a_registry_that_does_not_mount_has_to_be_sent_the_blob(rough, status):
    push(rough.registry, "team/other", b"blob")
    rough.front.on("^POST .*mount=", front.answer(status, {"Location": "/v2/uploads/1"} if status == 202 else {}))
    assert rough.registry.mount(REPO, digest.of(b"blob"), "team/other") is False


def test_nothing_is_mounted_from_another_registry(rough):
    assert rough.registry.mount(REPO, digest.of(b"blob"), "registry.example/team/other") is False
    assert rough.front.count("^POST") == 0


def test_a_question_that_nobody_answers_is_transient(rough):
    rough.front.on("", front.drop, times=99)
    with pytest.raises(Transient, match="broke the connection off"):
        rough.registry.tags(REPO)


def test_two_lists_that_a_registry_mixed_up_are_put_again(distribution_behind):
    """docker-registry 2.8 answers DIGEST_INVALID to one of two that put the same tag at once."""
    rough = distribution_behind("plain")
    subject, mixed = put(rough.registry), json.dumps({"errors": [{"code": "DIGEST_INVALID"}]}).encode()
    rough.front.on("^PUT .*/manifests/sha256-", front.answer(400, {"Content-Type": "application/json"}, mixed))
    one = put(rough.registry, b"two", None, subject, TABLE)
    assert rough.registry.referrers(REPO, subject.digest) == (listed(one, TABLE, "two"),)
