"""How a registry is reached: https with a CA, http on this machine, what is insecure, proxies from the environment."""

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.options import Options
from shale.oci.distribution.patience import Patience
from shale.oci.distribution.registry import Distribution
from shale.oci.registry import Pushed, push
from shale.testkit import certificates, front
from shale.testkit.front import Front
from shale.testkit.nats import free_port

REPO = "team/resnet"
X = Pushed(digest.of(b"x"), 1)
QUICK = Patience(tries=2, first=0.01, longest=0.01, connect=2, read=2, commit=2)


def test_a_registry_of_a_ca_that_nobody_named_is_untrusted_with_the_cure(distribution_at):
    registry = distribution_at("tls", ca="")
    found = registry.check(REPO, push=True)
    assert found is not None
    assert found.reason == "Untrusted"
    assert "shows a certificate that is not trusted" in found.message
    assert "name the registry's CA in registry.caSecretRef" in found.message
    with pytest.raises(Transient, match=r"registry\.caSecretRef"):
        push(registry, REPO, b"x")


def test_another_ca_than_the_registrys_is_untrusted(distribution_at, tmp_path):
    registry = distribution_at("tls", ca=certificates.make(tmp_path, "another").pem)
    assert registry.check(REPO, push=True).reason == "Untrusted"


def test_a_ca_that_is_none_is_refused():
    with pytest.raises(ValueError, match="the CA holds no certificate: put PEM"):
        Distribution(Options(ca="not a certificate"))


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_an_insecure_registry_proves_nothing(distribution_at):
    registry = distribution_at("tls", ca="", insecure=True)
    assert registry.check(REPO, push=True) is None
    assert push(registry, REPO, b"x") == X


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached_over_plain_http_by_each_of_its_names(distribution_at, park, name):
    host = park.server("plain").host.replace("127.0.0.1", name)
    registry = distribution_at("plain", home="docker.io")
    assert push(registry, f"{host}/{REPO}", b"x") == X
    assert registry.has(f"{host}/{REPO}", X.digest) == 1


def test_plain_http_is_not_spoken_with_another_machine(monkeypatch):
    with Front() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
        monkeypatch.setenv("https_proxy", f"http://{proxy.host}")
        registry = Distribution(Options(home="registry.example", patience=QUICK))
        with pytest.raises(Transient, match=r"registry\.example"):
            registry.has(REPO, X.digest)
        assert proxy.seen == []
        registry.close()


def test_an_insecure_registry_elsewhere_may_speak_plain_http_through_a_proxy(monkeypatch, park):
    """The proxy is the environment's; it is handed the whole URL, and plays the registry by passing on to one."""
    server = park.server("plain")
    with Front(server.host) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:proxy-password@{proxy.host}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
        registry = Distribution(msgspec.structs.replace(park.options("plain"), home="registry.example", insecure=True))
        assert push(registry, REPO, b"x") == X
        assert registry.has(REPO, X.digest) == 1
        assert proxy.seen[-1].path.startswith("http://registry.example/v2/team/resnet/blobs/")
        assert proxy.seen[-1].headers["proxy-authorization"].startswith("Basic ")
        registry.close()


def test_no_proxy_stands_before_this_machine(monkeypatch, distribution_at):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert push(distribution_at("plain"), REPO, b"x") == X


def test_a_registry_that_is_not_there_is_transient():
    registry = Distribution(Options(home=f"127.0.0.1:{free_port()}", patience=QUICK))
    with pytest.raises(Transient, match="cannot be reached: Connection refused"):
        registry.has(REPO, X.digest)
    with pytest.raises(Transient, match="cannot be reached"):
        registry.check(REPO, push=True)


def test_a_name_that_nobody_knows_is_transient():
    registry = Distribution(Options(home="registry.invalid", patience=QUICK))
    with pytest.raises(Transient, match=r"registry\.invalid cannot be reached"):
        registry.check(REPO, push=True)


def test_a_location_that_names_the_registry_as_it_sees_itself_stays_where_we_know_it(distribution_behind):
    """Behind a proxy that ends TLS a registry may name itself with another scheme, or with the port of the scheme."""
    rough = distribution_behind("plain")
    relative = front.edit(
        lambda reply: front.Reply(
            reply.status,
            reply.headers | {"Location": reply.headers["Location"].partition(rough.front.host)[2]},
            reply.data,
        )
    )
    rough.front.on("^POST ", relative)
    assert push(rough.registry, REPO, b"x") == X
