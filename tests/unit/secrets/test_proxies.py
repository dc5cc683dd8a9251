"""Which proxy stands on the way to a token endpoint, as the environment says."""

from urllib.parse import urlsplit

import pytest

from shale.contracts.errors import Transient
from shale.secrets import proxies
from shale.secrets.hidden import Hidden
from shale.secrets.proxies import Proxy

FAR = "https://api.ecr.eu-west-1.amazonaws.com/"
HERE = Proxy("proxy.example", 3128)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("named", "found"),
    [
        pytest.param({}, None, id="none is named"),
        pytest.param({"HTTPS_PROXY": "http://proxy.example:3128"}, HERE, id="one"),
        pytest.param({"https_proxy": "proxy.example:3128"}, HERE, id="one without a scheme"),
        pytest.param({"ALL_PROXY": "http://proxy.example:3128"}, HERE, id="one for all"),
        pytest.param({"HTTPS_PROXY": "http://proxy.example"}, Proxy("proxy.example", 80), id="one without a port"),
        pytest.param({"HTTP_PROXY": "http://proxy.example:3128"}, None, id="one for http only"),
        pytest.param(
            {"HTTPS_PROXY": "http://u:p%40ss@proxy.example:3128"},
            Proxy("proxy.example", 3128, Hidden("u:p@ss")),
            id="one with a login",
        ),
        pytest.param(
            {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": ".amazonaws.com"},
            None,
            id="one that is not for it",
        ),
        pytest.param({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "*"}, None, id="one that is for none"),
    ],
)
def test_the_environment_names_a_proxy(environment, named, found):
    for name, value in named.items():
        environment.setenv(name, value)
    assert proxies.find(urlsplit(FAR)) == found


@pytest.mark.parametrize("url", ["http://metadata.google.internal/x", "https://127.0.0.1:1/", "https://localhost/"])
def test_no_proxy_stands_before_what_is_near(environment, url):
    environment.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    environment.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert proxies.find(urlsplit(url)) is None


@pytest.mark.parametrize(
    "url", ["https://u:s3cr3t@proxy.example", "socks5://u:s3cr3t@x", "http://u:s3cr3t@x:port", "://"]
)
def test_a_proxy_that_cannot_be_used_is_said_without_its_login(environment, url):
    environment.setenv("HTTPS_PROXY", url)
    with pytest.raises(Transient, match=r"write http|is no URL") as raised:
        proxies.find(urlsplit(FAR))
    assert "s3cr3t" not in str(raised.value)


def test_a_login_shows_in_the_header_only():
    proxy = Proxy("proxy.example", 3128, Hidden("u:s3cr3t"))
    assert proxy.headers() == {"Proxy-Authorization": "Basic dTpzM2NyM3Q="}
    assert HERE.headers() == {}
    assert "s3cr3t" not in repr(proxy)
