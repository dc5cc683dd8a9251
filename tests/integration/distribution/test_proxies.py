"""What goes through a proxy goes through a tunnel, and a login goes nowhere in the clear."""

import base64
import datetime as dt

import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.registry import Pushed, push
from shale.secrets.cloud import ecr
from shale.secrets.cloud.endpoints import Endpoints
from shale.secrets.credentials import Basic, EcrKeys
from shale.secrets.hidden import Hidden
from shale.testkit import front
from shale.testkit.front import Front
from shale.testkit.nats import free_port
from shale.testkit.registries import LOGIN, PATIENCE, known
from shale.testkit.tunnel import Tunnel

REPO = "team/resnet"
X = Pushed(digest.of(b"x"), 1)
HOST = "012345678901.dkr.ecr.eu-west-1.amazonaws.com"
KEYS = EcrKeys(HOST, "eu-west-1", "AKIDEXAMPLE", Hidden("a secret of these tests"))
AT = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
PROXY_LOGIN = "proxy-user:proxy-password"


@pytest.fixture
def through(monkeypatch):
    """Return what sends https through one proxy, and http through another."""

    def through(https, http=""):
        for name in ("all_proxy", "no_proxy", "ALL_PROXY", "NO_PROXY", "HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", f"http://{PROXY_LOGIN}@{https}")
        monkeypatch.setenv("http_proxy", f"http://{http or https}")

    return through


def reached(park, login=None):
    """Return a door to a registry that is no machine's but behind the proxy."""
    return Distribution(Options(known(login), "registry.example", ca=park.certificate.pem, patience=PATIENCE))


def test_a_registry_is_reached_through_a_tunnel(park, through):
    with Tunnel(park.server("tls").host) as tunnel:
        through(tunnel.host)
        registry = reached(park)
        assert push(registry, REPO, b"x") == X
        assert b"".join(registry.pull(REPO, X.digest) or ()) == b"x"
        assert set(tunnel.asked) == {"registry.example:443"}
        assert tunnel.logins[0] == f"Basic {base64.b64encode(PROXY_LOGIN.encode()).decode()}"
        registry.close()


@pytest.mark.parametrize(
    "led",
    [
        pytest.param({"WWW-Authenticate": 'Bearer realm="http://registry.example/token"'}, id="a realm"),
        pytest.param({"WWW-Authenticate": 'Bearer realm="http://registry.example:80/token"'}, id="one with a port"),
        pytest.param({"WWW-Authenticate": 'Bearer realm="/token"'}, id="a realm that is a path"),
    ],
)
def test_a_login_goes_to_no_realm_in_the_clear(park, through, led):
    """A registry behind a proxy that ends TLS names itself with http: it is asked as we know it."""
    with Front(certificate=park.certificate) as played, Front() as clear, Tunnel(played.host) as tunnel:
        through(tunnel.host, clear.host)
        played.default = front.answer(404)
        played.on("GET /token", front.answer(200, {}, b'{"token":"abc"}'))
        played.on("HEAD ", front.answer(401, led))
        registry = reached(park, LOGIN)
        assert registry.has(REPO, X.digest) is None
        assert clear.seen == []
        asked = [one.headers["Authorization"] for one in played.seen if one.path.startswith("/token")]
        assert asked == [LOGIN.header()]
        registry.close()


@pytest.mark.parametrize("where", ["http://elsewhere.example/token", "http://registry.example:8080/token"])
def test_a_login_goes_to_no_other_realm_in_the_clear(park, through, where):
    with Front(certificate=park.certificate) as played, Front() as clear, Tunnel(played.host) as tunnel:
        through(tunnel.host, clear.host)
        played.default = front.answer(401, {"WWW-Authenticate": f'Bearer realm="{where}"'})
        registry = reached(park, LOGIN)
        found = registry.check(REPO, push=True)
        assert found is not None
        assert found.reason == "Untrusted"
        assert "over plain http: only an insecure registry may" in found.message
        assert clear.seen == []
        registry.close()


@pytest.mark.parametrize(
    "where", ["http://registry.example/v2/team/resnet/there", "http://registry.example:80/v2/team/resnet/there"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_where_a_registry_leads_to_itself_it_is_asked_over_tls(park, through, where, method):
    with Front(certificate=park.certificate) as played, Front() as clear, Tunnel(played.host) as tunnel:
        through(tunnel.host, clear.host)
        played.default = front.answer(201, {"Content-Length": "1"}, b"x")
        led = front.answer(307, {"Location": where}) if method == "GET" else front.answer(202, {"Location": where})
        played.on(f"{method} .*/blobs/", led)
        registry = reached(park, LOGIN)
        if method == "GET":
            played.on("GET .*/there", front.answer(200, {}, b"x"))
            assert b"".join(registry.pull(REPO, X.digest) or ()) == b"x"
        else:
            assert push(registry, REPO, b"x") == X
        assert played.count("/there") == 1
        assert clear.seen == []
        registry.close()


@pytest.mark.parametrize(
    "where", ["http://elsewhere.example/x", "http://registry.example:8080/x", "ftp://registry.example"]
)
def test_nothing_follows_a_registry_elsewhere_in_the_clear(park, through, where):
    with Front(certificate=park.certificate) as played, Front() as clear, Tunnel(played.host) as tunnel:
        through(tunnel.host, clear.host)
        played.default = front.answer(307, {"Location": where})
        registry = reached(park, LOGIN)
        for push_or_pull in (True, False):
            found = registry.check(REPO, push=push_or_pull)
            assert found is not None
            assert found.reason == "Untrusted"
        played.default = front.answer(202, {"Location": where})
        with pytest.raises(Transient, match="leads to"):
            push(registry, REPO, b"x")
        assert clear.seen == []
        registry.close()


def test_a_place_is_no_way_around_it(park, through):
    """Whoever could write into the packers' bucket would else have a blob sent in the clear."""
    with Front(certificate=park.certificate) as played, Front() as clear, Tunnel(played.host) as tunnel:
        through(tunnel.host, clear.host)
        registry = reached(park, LOGIN)
        place = f'{{"repo":"{REPO}","url":"http://elsewhere.example/upload"}}'
        with pytest.raises(Transient, match=r"leads to elsewhere\.example over plain http"), \
                registry.upload(REPO, place=place):  # fmt: skip
            pass
        assert clear.seen == []
        registry.close()


# --- token endpoints of clouds


def test_a_cloud_is_asked_through_a_tunnel(park, through, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(park.certificate.certificate))
    data = base64.b64encode(b"AWS:of twelve hours").decode()
    with Front(certificate=park.certificate) as cloud, Tunnel(cloud.host) as tunnel:
        cloud.default = front.answer(200, {}, f'{{"authorizationData":[{{"authorizationToken":"{data}"}}]}}'.encode())
        through(tunnel.host)
        assert ecr.password(KEYS, Endpoints(), AT) == Basic("AWS", Hidden("of twelve hours"), (HOST,))
        assert tunnel.asked == ["api.ecr.eu-west-1.amazonaws.com:443"]
        assert tunnel.logins == [f"Basic {base64.b64encode(PROXY_LOGIN.encode()).decode()}"]
        assert cloud.seen[0].headers["host"] == "api.ecr.eu-west-1.amazonaws.com"


def test_a_proxy_that_is_not_there_is_named_without_its_login(through):
    through(f"127.0.0.1:{free_port()}")
    with pytest.raises(
        Transient, match=r"gave no answer through the proxy 127\.0\.0\.1: ConnectionRefusedError"
    ) as raised:
        ecr.password(KEYS, Endpoints(), AT)
    assert "proxy-password" not in str(raised.value)
