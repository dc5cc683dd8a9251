"""Hosts that are no registry, and registries that lack the project: a value with its cure, from every method."""

import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.descriptor import IMAGE_MANIFEST
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.refusal import NoAccess, Refused
from shale.oci.registry import push
from shale.testkit import front
from shale.testkit.dockerregistry import PASSWORD, USER
from shale.testkit.front import Front
from shale.testkit.registries import LOGIN, PATIENCE, known

REPO, X = "team/resnet", digest.of(b"x")
PAGE = {"Content-Type": "text/html; charset=utf-8"}
BASIC = {"WWW-Authenticate": 'Basic realm="x"'}
HTML = b"<!doctype html><title>Not a registry</title>"

STRANGERS = {
    "a page for everything": front.answer(200, PAGE, HTML),
    "a large page for everything": front.answer(200, PAGE, HTML * 5000),
    "a page that says not found": front.answer(404, PAGE, HTML),
    "a large page that says not found": front.answer(404, PAGE, HTML * 5000),
    "nothing is found": front.answer(404),
    "no such method": front.answer(405, {}, b"Method Not Allowed"),
    "a bad request": front.answer(400, PAGE, HTML),
    "a page that forbids": front.answer(403, PAGE, HTML),
    "a login page": front.answer(302, {"Location": "/login"}),
    "round and round": front.answer(307, {"Location": "/v2/round"}),
    "an answer without an end": front.answer(200, {}, b" " * 2**23),
}


@pytest.fixture
def played():
    with Front() as played:
        yield played


@pytest.fixture
def registry(played):
    registry = Distribution(Options(known(LOGIN), home=played.host, patience=PATIENCE))
    yield registry
    registry.close()


@pytest.mark.parametrize("trouble", STRANGERS.values(), ids=STRANGERS.keys())
@pytest.mark.parametrize("to_push", [True, False], ids=["push", "pull"])
def test_who_is_no_registry_is_said_so(played, registry, trouble, to_push):
    played.default = trouble
    found = registry.check(REPO, push=to_push)
    if found is None:
        pytest.fail("a stranger was taken for a registry")
    assert found == NoAccess("NoRegistry", found.message)
    assert "as no registry does: look whether its name and port are right" in found.message
    assert found.message.startswith(played.host)


@pytest.mark.parametrize("trouble", [STRANGERS["a page for everything"], STRANGERS["a page that forbids"]])
def test_who_becomes_a_stranger_half_way_is_no_bug(played, registry, trouble):
    played.default = trouble
    for work in (
        lambda: registry.has(REPO, X),
        lambda: registry.pull(REPO, X),
        lambda: push(registry, REPO, b"x"),
        lambda: registry.resolve(REPO, "v1"),
        lambda: registry.manifest(REPO, X),
        lambda: registry.tags(REPO),
    ):
        with pytest.raises(Refused) as raised:
            work()
        assert raised.value.why.reason == "NoRegistry"


def said(code, message):
    return f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}'.encode()


MISSING = {
    "distribution's": (404, said("NAME_UNKNOWN", "repository name not known to registry")),
    "ECR's": (404, said("NAME_UNKNOWN", "The repository with name 'x' does not exist in the registry with id '1'")),
    "Harbor's": (404, said("NOT_FOUND", "project team not found")),
    "Harbor's to a token": (401, said("UNAUTHORIZED", "project team not found: project team not found")),
    "GHCR's": (403, said("DENIED", "not_found: owner not found")),
    "Artifact Registry's": (404, said("NAME_UNKNOWN", "Repository team not found")),
    "Quay's": (400, said("NAME_INVALID", "Namespace does not exist")),
}


@pytest.mark.parametrize(("status", "data"), MISSING.values(), ids=MISSING.keys())
def test_a_project_that_is_not_there_is_said_with_the_cure(played, registry, status, data):
    played.default = front.answer(status, BASIC, data)
    played.on("GET /v2/$", front.answer(200))
    found = registry.check(REPO, push=True)
    assert found is not None
    assert found == NoAccess("RepositoryNotFound", found.message)
    assert "project" in found.message
    with pytest.raises(Refused) as raised:
        push(registry, REPO, b"x")
    assert raised.value.why == found


@pytest.mark.parametrize(
    ("status", "data"),
    [
        pytest.param(403, said("DENIED", "requested access to the resource is denied"), id="no right"),
        pytest.param(405, said("UNSUPPORTED", "The operation is unsupported."), id="a registry that is read only"),
        pytest.param(400, said("TAG_INVALID", "nonsense"), id="anything else"),
    ],
)
def test_who_may_not_push_is_denied(played, registry, status, data):
    played.default = front.answer(status, BASIC, data)
    played.on("GET /v2/$", front.answer(200))
    found = registry.check(REPO, push=True)
    assert found is not None
    assert found.reason == "Denied"


TOKEN_SERVERS = {
    "a page": front.answer(200, PAGE, HTML),
    "no token": front.answer(200, {}, b'{"expires_in":300}'),
    "a redirect": front.answer(307, {"Location": "/elsewhere"}),
    "nothing there": front.answer(404),
    "what repeats the login": front.answer(401, {}, said("UNAUTHORIZED", f"no: {LOGIN.header()} {PASSWORD}")),
}


@pytest.mark.parametrize("trouble", TOKEN_SERVERS.values(), ids=TOKEN_SERVERS.keys())
def test_a_token_server_that_is_none_is_no_bug(played, registry, trouble):
    with Front() as tokens:
        tokens.default = trouble
        played.default = front.answer(401, {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token"'})
        found = registry.check(REPO, push=True)
        assert found is not None
        assert found.reason == "Unauthorized"
        assert f"does not take the login of '{USER}' (its token server answers" in found.message
        assert all(one not in found.message for one in LOGIN.secrets)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 429, 500])
def test_who_repeats_a_login_is_not_quoted(played, registry, status):
    """In the body and in headers, to every method."""
    spelled = (*LOGIN.secrets, PASSWORD.replace(" ", "%20"), PASSWORD.replace(" ", "+"))
    repeated = " and ".join((*spelled, f"{USER}:{PASSWORD}"))
    headers = {**BASIC, "Docker-Content-Digest": PASSWORD, "Location": f"http://{played.host}/{PASSWORD}?x=secret"}
    played.default = front.answer(status, headers, said("UNKNOWN", repeated))
    played.on("HEAD", front.answer(401, BASIC))  # so that the login is known
    told = []
    for work in (
        lambda: registry.has(REPO, X),
        lambda: registry.check(REPO, push=True),
        lambda: registry.check(REPO, push=False),
        lambda: push(registry, REPO, b"x"),
        lambda: registry.tags(REPO),
        lambda: registry.delete(REPO, X),
        lambda: registry.untag(REPO, "v1"),
        lambda: registry.put_manifest(REPO, b'{"schemaVersion":2,"manifests":[]}', IMAGE_MANIFEST),
    ):
        try:
            told.append(repr(work()))
        except (Transient, ValueError) as error:
            told.append(f"{error} {error.__cause__} {error.__context__}")
    text = "\n".join(told)
    assert [one for one in spelled if one in text] == []
    assert "***" in text or status in {401, 404, 413}
