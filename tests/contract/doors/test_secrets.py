"""The door to credentials: every adapter keeps these promises."""

import base64
import subprocess
from pathlib import Path

import pytest
import yaml

from shale.contracts.errors import Transient
from shale.secrets.cluster import Api, ClusterSecrets
from shale.secrets.folder import FolderSecrets
from shale.secrets.grant import grant
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed, Missing, NotGranted, Secret
from shale.testkit.loopback import Loopback
from shale.testkit.secrets import TOKEN, MemorySecrets, SecretsApi, docker_secret, opaque

SECRET = "s3cr3t-Pa55word"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"


class Memory:
    """The world behind the simulator: what its owner does to a Secret, in words that other worlds have too."""

    def __init__(self):
        self.secrets = MemorySecrets()

    def put(self, tree):
        self.secrets.put(tree)

    def forbid(self, namespace, name):
        self.secrets.forbidden.add((namespace, name))

    def remove(self, namespace, name):
        del self.secrets.held[namespace, name]


class Folder:
    def __init__(self, root):
        self.root, self.secrets = root, FolderSecrets(root)

    def put(self, tree):
        path = self._path(tree["metadata"]["namespace"], tree["metadata"]["name"])
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(tree))
        path.chmod(0o600)

    def forbid(self, namespace, name):
        self._path(namespace, name).chmod(0o644)

    def remove(self, namespace, name):
        self._path(namespace, name).unlink()

    def _path(self, namespace, name):
        return self.root / namespace / f"{name}.yaml"


class Played:
    """An API server of our own, over http or TLS."""

    def __init__(self, root, request, certificate=None):
        self.memory = MemorySecrets()
        (root / "token").write_text(TOKEN)
        server = Loopback(SecretsApi(self.memory).answer, certificate)
        server.__enter__()
        request.addfinalizer(server.__exit__)
        self.secrets = ClusterSecrets(Api(server.url, root / "token", certificate))

    def put(self, tree):
        self.memory.put(tree)

    def forbid(self, namespace, name):
        self.memory.forbidden.add((namespace, name))

    def remove(self, namespace, name):
        del self.memory.held[namespace, name]


class Real:
    """A real API server, which lets the pod's service account read what `grant` grants and nothing else."""

    def __init__(self, server, root, namespace):
        self.server, self.namespace = server, namespace
        for where in (namespace, "shale-system"):
            server.apply(f"/api/v1/namespaces/{where}", {"apiVersion": "v1", "kind": "Namespace"} | named(where))
        (root / "token").write_text(self._account())
        (root / "ca.crt").write_text(server.authority)
        self.secrets = ClusterSecrets(Api(server.url, root / "token", root / "ca.crt"))
        self.allow("absent")

    def put(self, tree):
        where, name = tree["metadata"]["namespace"], tree["metadata"]["name"]
        self.server.apply(f"/api/v1/namespaces/{where}/secrets/{name}", tree)
        self.allow(name)

    def allow(self, name):
        for tree in grant(self.namespace, [name]):
            kind = f"{tree['kind'].lower()}s"
            self.server.apply(f"{RBAC}/{self.namespace}/{kind}/{tree['metadata']['name']}", tree)
        self.settled(name, True)

    def forbid(self, namespace, name):
        role, _ = grant(namespace, [name])
        self.server.call("DELETE", f"{RBAC}/{namespace}/roles/{role['metadata']['name']}")
        self.settled(name, False)

    def settled(self, name, allowed):
        """Ask until the API server has heard of a change of its own roles."""
        assert any(self.may("get", name) is allowed for _ in range(1000)), "roles are not obeyed"

    def may(self, verb, name):
        what = {"namespace": self.namespace, "verb": verb, "resource": "secrets", "name": name}
        spec = {"user": "system:serviceaccount:shale-system:builder-sync", "resourceAttributes": what}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        return self.server.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)[1]["status"][
            "allowed"
        ]

    def remove(self, namespace, name):
        self.server.call("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{name}")

    def _account(self):
        path = "/api/v1/namespaces/shale-system/serviceaccounts/builder-sync"
        account = {"apiVersion": "v1", "kind": "ServiceAccount"} | named("builder-sync", "shale-system")
        self.server.apply(path, account)
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        code, answer = self.server.call("POST", f"{path}/token", asked)
        assert code == 201, answer
        return answer["status"]["token"]


def named(name, namespace=None):
    return {"metadata": {"name": name} | ({"namespace": namespace} if namespace else {})}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=loopback"
    command = ["openssl", *words.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(path), "-out", f"{path}.crt"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("openssl is not to be had here: nothing was proven with TLS")
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def real(cluster, tmp_path, ns):
    yield Real(cluster.server, tmp_path, ns)
    cluster.end_namespace(ns)


@pytest.fixture(params=["memory", "folder", "played", "played-tls", pytest.param("real", marks=pytest.mark.slow)])
def world(request, tmp_path):
    match request.param:
        case "memory":
            return Memory()
        case "folder":
            return Folder(tmp_path)
        case "played":
            return Played(tmp_path, request)
        case "played-tls":
            return Played(tmp_path, request, request.getfixturevalue("certificate"))
        case "real":
            return request.getfixturevalue("real")
        case unknown:
            raise AssertionError(unknown)


@pytest.fixture
def get(world, ns):
    return lambda name="push": world.secrets.get(ns, name)


def test_a_secret_is_read_whole(world, ns, get):
    world.put(opaque({"token": SECRET, "empty": ""}, namespace=ns, hosts="ghcr.io"))
    found = get()
    assert isinstance(found, Secret)
    assert (found.namespace, found.name, found.type) == (ns, "push", "Opaque")
    assert found.data == {"token": Hidden(SECRET.encode()), "empty": Hidden(b"")}
    assert found.annotations["shale.dev/hosts"] == "ghcr.io"


def test_a_secret_of_docker_is_read_with_its_type(world, ns, get):
    world.put(docker_secret("ghcr.io", "u", SECRET, namespace=ns))
    found = get()
    assert isinstance(found, Secret)
    assert found.type == "kubernetes.io/dockerconfigjson"
    assert list(found.data) == [".dockerconfigjson"]


def test_bytes_that_are_no_text_are_kept(world, ns, get):
    tree = opaque({}, namespace=ns)
    tree["data"] = {"raw": base64.b64encode(bytes(range(256))).decode()}
    world.put(tree)
    found = get()
    assert isinstance(found, Secret)
    assert found.data["raw"].reveal() == bytes(range(256))


def test_a_secret_that_is_not_there_is_missing(get, ns):
    found = get("absent")
    assert isinstance(found, Missing)
    assert f"{ns}/absent" in found.message


def test_a_secret_that_went_is_missing(world, ns, get):
    world.put(opaque({}, namespace=ns))
    world.remove(ns, "push")
    assert isinstance(get(), Missing)


def test_a_name_that_no_secret_has_is_missing(get):
    assert isinstance(get("../push"), Missing)


def test_a_secret_without_the_label_is_not_granted(world, ns, get):
    tree = opaque({"token": SECRET}, namespace=ns)
    tree["metadata"]["labels"] = {}
    world.put(tree)
    found = get()
    assert isinstance(found, NotGranted)
    assert f"kubectl label secret -n {ns} push shale.dev/use=true" in found.message


def test_a_secret_that_shale_may_not_read_is_forbidden(world, ns, get):
    world.put(opaque({"token": SECRET}, namespace=ns))
    world.forbid(ns, "push")
    found = get()
    assert isinstance(found, Forbidden)
    assert "push" in found.message


def test_what_was_changed_counts_at_once(world, ns, get):
    for value in ("old", "new"):
        world.put(opaque({"token": value}, namespace=ns))
        found = get()
        assert isinstance(found, Secret)
        assert found.data["token"].reveal() == value.encode()


def test_nothing_of_it_is_shown(world, ns, get):
    world.put(opaque({"token": SECRET}, namespace=ns))
    encoded = base64.b64encode(SECRET.encode()).decode()
    for shown in (repr(get()), str(get())):
        assert SECRET not in shown
        assert encoded not in shown


def test_a_large_secret_is_read(world, ns, get):
    world.put(opaque({"token": "x" * 900_000}, namespace=ns))
    found = get()
    assert isinstance(found, Secret)
    assert len(found.data["token"].reveal()) == 900_000


class TestTls:
    """What only an API server can do wrong."""

    @pytest.fixture
    def world(self, request, tmp_path, certificate):
        return Played(tmp_path, request, certificate)

    def test_an_api_server_of_another_authority_sees_no_token(self, world):
        api = world.secrets.api
        strange = ClusterSecrets(Api(api.url, api.token_file))
        with pytest.raises(Transient, match="CERTIFICATE_VERIFY_FAILED"):
            strange.get("team-a", "push")

    def test_an_api_server_of_another_name_sees_no_token(self, world):
        api = world.secrets.api
        strange = ClusterSecrets(Api(api.url.replace("127.0.0.1", "localhost"), api.token_file, api.ca_file))
        with pytest.raises(Transient, match="CERTIFICATE_VERIFY_FAILED"):
            strange.get("team-a", "push")


class TestGrant:
    """What a real API server makes of `shale grant`."""

    @pytest.fixture
    def world(self, real):
        return real

    def test_a_secret_beside_the_one_that_was_granted_stays_closed(self, world, ns, get):
        world.put(opaque({"token": SECRET}, namespace=ns))
        world.server.apply(f"/api/v1/namespaces/{ns}/secrets/other", opaque({}, name="other", namespace=ns))
        assert isinstance(get(), Secret)
        assert isinstance(get("other"), Forbidden)

    def test_granting_more_takes_nothing_back(self, world, ns, get):
        for name in ("push", "other"):
            world.put(opaque({}, name=name, namespace=ns))
        assert isinstance(get("push"), Secret)
        assert isinstance(get("other"), Secret)

    def test_nothing_but_a_get_is_granted(self, world, ns):
        world.put(opaque({"token": SECRET}, namespace=ns))
        verbs = ("get", "list", "watch", "create", "update", "patch", "delete")
        assert [verb for verb in verbs if world.may(verb, "push")] == ["get"]

    def test_a_token_that_nobody_knows_is_forbidden(self, world, ns, tmp_path):
        world.put(opaque({}, namespace=ns))
        (tmp_path / "token").write_text("nobody")
        found = world.secrets.get(ns, "push")
        assert isinstance(found, Forbidden)
        assert "does not know this pod's token" in found.message


def test_a_secret_that_is_no_base64_is_malformed_where_anybody_could_write_it(tmp_path):
    world = Folder(tmp_path)
    world.put(opaque({}) | {"data": {"token": f"{SECRET}!"}})
    found = world.secrets.get("team-a", "push")
    assert isinstance(found, Malformed)
    assert SECRET not in found.message
