"""Who may do what, told as a value with its cure; and credentials that nobody sees but those they are for."""

import base64
import logging
import os
import re
import traceback

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.credentials import Bearer, Identity, Login
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.profiles import ECR
from shale.oci.refusal import NoAccess, Refused
from shale.oci.registry import Data, Pushed, push
from shale.testkit import front
from shale.testkit.dockerregistry import PASSWORD, USER, DockerRegistry, Setting
from shale.testkit.front import Front
from shale.testkit.registries import LOGIN, PATIENCE, known, small_parts
from shale.testkit.tokenserver import REFRESH

REPO, OTHER = "team/resnet", "team/other"
BLOB = bytes(range(256)) * 8192
PUSHED = Pushed(digest.of(BLOB), len(BLOB))
BEARER = "an-access-token-of-these-tests"
WRONG = Login(USER, "not the password")


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
@pytest.mark.parametrize(
    ("login", "said"),
    [
        pytest.param(None, "name a Secret for it in pushSecretRef", id="nobody"),
        pytest.param(WRONG, "does not take the login of 'ann' .*: renew it in its Secret", id="a wrong password"),
    ],
)
def test_a_registry_refuses(distribution_at, kind, login, said):
    registry = distribution_at(kind, credentials=known(login))
    found = registry.check(REPO, push=True)
    assert found == NoAccess("Unauthorized", found.message)
    assert re.search(said, found.message)
    with pytest.raises(Transient, match=said):
        push(registry, REPO, b"x")


def test_who_may_read_but_not_write_is_denied(distribution_at, park):
    registry = distribution_at("token")
    push(registry, REPO, b"x")
    park.tokens.withheld = frozenset({"push"})
    try:
        reader = Distribution(park.options("token"))
        found = reader.check(REPO, push=True)
        assert found is not None
        assert found == NoAccess("Denied", found.message)
        assert "let the user of the Secret push there" in found.message
        assert reader.has(REPO, digest.of(b"x")) == 1
        reader.close()
    finally:
        park.tokens.withheld = frozenset()


def test_a_repository_that_a_push_does_not_make_is_named_with_the_cure():
    with Front() as played:
        played.default = front.answer(404, {}, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository"}]}')
        played.on("GET /v2/$", front.answer(200))
        profile = msgspec.structs.replace(ECR, api="")
        registry = Distribution(Options(home=played.host, patience=PATIENCE, profile=lambda _: profile))
        found = registry.check(REPO, push=True)
        assert found == NoAccess("RepositoryNotFound", f"{REPO} is not there: {ECR.cure}")
        with pytest.raises(Transient, match="is not there: ECR makes no repositories by itself"):
            push(registry, REPO, b"x")
        assert registry.check(REPO, push=False) == found
        assert registry.has(REPO, PUSHED.digest) is None
        registry.close()


def test_a_credential_that_was_renewed_is_read_anew_when_the_old_one_is_refused(distribution_at):
    asked = []

    def credentials(host, *, again):
        asked.append((host.partition(":")[0], again))
        return LOGIN if again else WRONG

    registry = distribution_at("htpasswd", credentials=credentials)
    assert push(registry, REPO, b"x") == Pushed(digest.of(b"x"), 1)
    assert asked == [("127.0.0.1", False), ("127.0.0.1", True)]


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
def test_a_credential_is_read_once_for_many_requests(distribution_at, kind):
    asked = []

    def credentials(host, *, again):
        asked.append((host.partition(":")[0], again))
        return LOGIN

    registry = distribution_at(kind, credentials=credentials)
    for data in (b"one", b"two", b"three"):
        push(registry, REPO, data)
    assert asked == [("127.0.0.1", False)]


NEW = "a new password of ann"
NEW_HTPASSWD = "ann:$2y$05$v2tzyUJhX1QJhEJcNoMTeusPuUk2ovd/xoBO5jebgyRoI86f4224O\n"


class Secret:
    """What holds a login, and is renewed by somebody while a job runs."""

    def __init__(self):
        self.login, self.read = LOGIN, []

    def __call__(self, host, *, again):
        del host
        self.read.append(again)
        return self.login

    def renew(self):
        self.login = Login(USER, NEW)


def renewed_in_the_middle(registry, renew):
    """Push a blob, and have its login renewed when the first of its parts is there."""
    renewed = []

    def moved(done):
        if upload.place() and not renewed:
            renewed.append(done)
            renew()

    with registry.upload(REPO) as upload:
        pushed = upload.send(Data(BLOB), moved=moved)
    assert renewed
    return pushed


def test_a_login_that_is_renewed_in_the_middle_of_an_upload_is_read_anew(debian_tool, tmp_path):
    secret = Secret()
    with DockerRegistry(debian_tool("docker-registry"), tmp_path, Setting(htpasswd=True)) as server:

        def renew():
            secret.renew()
            path = server.folder / "htpasswd"
            path.write_text(NEW_HTPASSWD)
            later = path.stat().st_mtime + 10
            os.utime(path, (later, later))

        registry = Distribution(Options(secret, server.host, patience=PATIENCE, profile=small_parts))
        assert renewed_in_the_middle(registry, renew) == PUSHED
        assert secret.read == [False, True]
        assert registry.has(REPO, PUSHED.digest) == len(BLOB)
        assert secret.read == [False, True]
        secret.login = WRONG
        assert registry.check(REPO, push=True) is None
        registry.close()


def test_who_goes_on_with_a_refused_login_reads_it_twice_at_most():
    """It is read as often as something is refused, and no oftener: a Secret is not polled."""
    secret = Secret()
    with Front() as played:
        played.default = front.answer(404)
        played.on("^HEAD ", front.answer(401, {"WWW-Authenticate": 'Basic realm="x"'}))
        registry = Distribution(Options(secret, played.host, patience=PATIENCE))
        assert registry.has(REPO, PUSHED.digest) is None
        played.default = front.answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
        with pytest.raises(Refused, match="does not take the login of 'ann'"):
            registry.has(REPO, PUSHED.digest)
        assert secret.read == [False, True]
        secret.renew()
        with pytest.raises(Refused, match="does not take the login of 'ann'"):
            registry.has(REPO, PUSHED.digest)
        assert secret.read == [False, True, True, True]
        registry.close()


# --- tokens


@pytest.fixture
def tokens(park):
    park.server("token")
    park.tokens.asked.clear()
    yield park.tokens
    park.tokens.lasts = 300


def test_one_token_does_for_a_repository(distribution_at, tokens):
    registry = distribution_at("token")
    for data in (b"one", b"two", BLOB):
        push(registry, REPO, data)
        assert registry.has(REPO, digest.of(data)) == len(data)
    assert tokens.asked == [[f"repository:{REPO}:pull,push"]]


def test_a_mount_asks_for_both_repositories_in_one_token(distribution_at, tokens):
    registry = distribution_at("token")
    push(registry, OTHER, BLOB)
    assert registry.mount(REPO, PUSHED.digest, OTHER)
    assert tokens.asked[-1] == [f"repository:{OTHER}:pull", f"repository:{REPO}:pull,push"]


def test_a_delete_asks_for_what_the_registry_wants(distribution_at, tokens):
    registry = distribution_at("token")
    push(registry, REPO, BLOB)
    assert registry.delete(REPO, PUSHED.digest)
    assert [f"repository:{REPO}:delete,pull,push"] in tokens.asked


def test_a_token_that_ends_in_the_middle_of_an_upload_is_renewed(distribution_behind, tokens):
    rough = distribution_behind("token")
    refused = front.answer(401, {"WWW-Authenticate": f'Bearer realm="{tokens.realm}",service="shale"'})
    rough.front.on("^PATCH ", front.pass_on)
    rough.front.on("^PATCH ", refused)
    rough.front.on("^PUT ", refused)
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert len(tokens.asked) == 3


@pytest.mark.parametrize("found_out_by", ["the token server", "the registry"])
def test_a_login_that_its_token_server_refuses_is_read_anew(distribution_behind, tokens, monkeypatch, found_out_by):
    """Its tokens outlive it; when they end, or are refused, the next one is asked for with the new login."""
    secret = Secret()
    tokens.lasts = 0.001 if found_out_by == "the token server" else 300
    rough = distribution_behind("token", credentials=secret)

    def renew():
        secret.renew()
        monkeypatch.setattr("shale.testkit.tokenserver.PASSWORD", NEW)
        if found_out_by == "the registry":
            refused = {"WWW-Authenticate": f'Bearer realm="{tokens.realm}",service="shale"'}
            rough.front.on("^PATCH ", front.answer(401, refused))

    assert renewed_in_the_middle(rough.registry, renew) == PUSHED
    assert secret.read == [False, True]


def test_a_login_that_its_token_server_goes_on_to_refuse_is_said_to_be_refused(
    distribution_behind, tokens, monkeypatch
):
    secret = Secret()
    tokens.lasts = 0.001
    rough = distribution_behind("token", credentials=secret)
    assert rough.registry.has(REPO, PUSHED.digest) is None
    monkeypatch.setattr("shale.testkit.tokenserver.PASSWORD", NEW)
    with pytest.raises(Refused, match="does not take the login of 'ann'"):
        rough.registry.has(REPO, PUSHED.digest)
    assert secret.read == [False, True]


def test_a_token_that_is_about_to_end_is_not_used(distribution_behind, tokens):
    tokens.lasts = 0.001
    rough = distribution_behind("token")
    assert push(rough.registry, REPO, BLOB) == PUSHED
    assert len(tokens.asked) > 3
    assert rough.front.count("^PATCH ") == 4


def test_a_refresh_token_is_changed_for_access_tokens(distribution_at, tokens):
    registry = distribution_at("token", credentials=known(Identity(REFRESH)))
    assert push(registry, REPO, BLOB) == PUSHED
    assert registry.check(REPO, push=True) is None
    assert tokens.seen[-1].method == "POST"


def test_an_access_token_is_sent_as_it_is():
    with Front() as played:
        played.default = front.answer(404)
        played.on("^HEAD ", front.answer(401, {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/token"'}))
        registry = Distribution(Options(known(Bearer(BEARER)), played.host, patience=PATIENCE))
        assert registry.has(REPO, PUSHED.digest) is None
        assert [one.headers.get("Authorization") for one in played.seen[1:]] == [None, *[f"Bearer {BEARER}"] * 2]
        registry.close()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        pytest.param(front.answer(503), "is busy: 503", id="busy"),
        pytest.param(front.drop, "broke the connection off", id="gone"),
    ],
)
def test_a_token_server_in_trouble_is_transient(distribution_at, tokens, trouble, said):
    registry = distribution_at("token")
    tokens.on("token", trouble, times=4)
    with pytest.raises(Transient, match=said):
        registry.has(REPO, PUSHED.digest)
    assert registry.has(REPO, PUSHED.digest) is None
    tokens.calm()


def test_a_credential_is_not_sent_to_a_token_server_over_plain_http():
    with Front() as played:
        played.default = front.answer(401, {"WWW-Authenticate": 'Bearer realm="http://token.example/token"'})
        played.on("GET /v2/$", front.answer(200))
        registry = Distribution(Options(known(LOGIN), played.host, patience=PATIENCE))
        with pytest.raises(Refused, match=r"leads to token\.example over plain http") as raised:
            registry.has(REPO, PUSHED.digest)
        assert registry.check(REPO, push=True) == raised.value.why
        registry.close()


# --- who sees what


def test_a_redirect_to_another_host_does_not_carry_the_credential(distribution_behind):
    rough = distribution_behind("htpasswd")
    push(rough.registry, REPO, BLOB)
    with Front() as storage:
        storage.default = front.answer(200, {}, BLOB)
        rough.front.on("GET .*/blobs/", front.answer(307, {"Location": f"http://{storage.host}/signed?key=secret"}))
        assert b"".join(rough.registry.pull(REPO, PUSHED.digest)) == BLOB
        assert [one.headers.get("Authorization") for one in storage.seen] == [None]
        assert rough.front.seen[-1].headers["Authorization"].startswith("Basic ")


def pulled(registry, repo, data):
    return b"".join(registry.pull(repo, digest.of(data)))


@pytest.mark.parametrize("led", ["GET .*/blobs/", "^POST "], ids=["a redirect", "an upload's place"])
def test_nobody_but_the_registry_leads_to_where_its_login_goes(distribution_behind, led):
    """A storage that leads back chooses what is asked there in our name."""
    rough = distribution_behind("htpasswd")
    push(rough.registry, REPO, BLOB)
    with Front() as storage:
        back = f"http://{rough.front.host}/v2/team/secret/blobs/uploads/1"
        storage.default = front.answer(202 if "POST" in led else 307, {"Location": back, "Range": f"0-{2**19 - 1}"})
        status = 202 if "POST" in led else 307
        rough.front.on(led, front.answer(status, {"Location": f"http://{storage.host}/1"}), times=9)
        work = push if "POST" in led else pulled
        with pytest.raises(Refused, match="and that back to it: a login would follow"):
            work(rough.registry, REPO, BLOB)
        assert storage.seen
        assert rough.front.count("team/secret") == 0
        assert {one.headers.get("Authorization") for one in storage.seen} == {None}


def test_an_upload_that_lies_on_another_host_does_not_carry_the_credential(distribution_behind):
    rough = distribution_behind("htpasswd")
    with Front() as storage:
        storage.default = front.answer(201)
        there = front.with_headers({"Location": f"http://{storage.host}/upload/1"}, "Location")
        rough.front.on("^POST ", there, times=2)
        push(rough.registry, REPO, b"x")
        assert [(one.method, one.headers.get("Authorization")) for one in storage.seen] == [("PUT", None)]


def test_redirects_end_somewhere(rough):
    push(rough.registry, REPO, BLOB)
    rough.front.on("GET ", front.answer(302, {"Location": "/v2/again"}), times=99)
    with pytest.raises(Refused, match="leads us on more than 5 times"):
        list(rough.registry.pull(REPO, PUSHED.digest))


def everything(registry):
    """Use every method, with and without success, and return what was raised as it would be logged."""
    said = []
    works = (
        lambda: push(registry, REPO, BLOB),
        lambda: registry.mount(OTHER, PUSHED.digest, REPO),
        lambda: list(registry.pull(REPO, PUSHED.digest) or ()),
        lambda: registry.tags(REPO),
        lambda: registry.check(REPO, push=True),
        lambda: registry.untag(REPO, "v1"),
    )
    for work in works:
        try:
            said.append(repr(work()))
        except (Transient, ValueError):
            said.append(traceback.format_exc())
    return "\n".join(said)


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
@pytest.mark.parametrize("pattern", ["nothing", "^PATCH", "^PUT", "^POST", "^GET", "^HEAD"])
def test_no_secret_shows_in_logs_errors_or_reprs(distribution_behind, park, caplog, kind, pattern):
    with caplog.at_level(logging.DEBUG):
        rough = distribution_behind(kind)
        rough.front.on(pattern, front.drop, times=99)
        said = everything(rough.registry) + caplog.text + repr((LOGIN, Identity(REFRESH), Bearer(BEARER)))
        said += "".join(f"{record.args}" for record in caplog.records) + repr(park.options(kind))
    sent = {
        one.headers["Authorization"].partition(" ")[2] for one in rough.front.seen if "Authorization" in one.headers
    }
    states = {one.path.partition("_state=")[2].partition("&")[0] for one in rough.front.seen if "_state=" in one.path}
    secrets = {PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(), REFRESH, BEARER} | sent | states
    assert {secret for secret in secrets if secret in said} == set()
