"""Who answers at a URL, and what of it may be told."""

import pytest

from shale.oci.distribution import origin
from shale.oci.distribution.origin import Origin


@pytest.mark.parametrize(
    ("url", "found", "printed"),
    [
        ("https://Registry.example/v2/", Origin("https", "registry.example", 443), "registry.example"),
        ("https://registry.example:443/v2/", Origin("https", "registry.example", 443), "registry.example"),
        ("http://127.0.0.1:5000", Origin("http", "127.0.0.1", 5000), "127.0.0.1:5000"),
    ],
)
def test_the_origin_of_a_url(url, found, printed):
    assert (origin.of(url), str(origin.of(url))) == (found, printed)


@pytest.mark.parametrize("url", ["", "/v2/", "ftp://a/b", "file:///etc/passwd", "https://"])
def test_other_urls_are_refused(url):
    with pytest.raises(ValueError, match="URL where an http or https one is wanted"):
        origin.of(url)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("127.8.9.1:5000", True),
        ("::1", True),
        ("localhost.example", False),
        ("127.0.0.1.example:5000", False),
        ("10.0.0.1", False),
        ("registry.example", False),
    ],
)
def test_this_machine_is_known_by_its_names(host, is_loopback):
    assert origin.loopback(host) is is_loopback


@pytest.mark.parametrize(
    ("base", "location", "there"),
    [
        pytest.param("https://r/v2/a", "/v2/b?x=1", "https://r/v2/b?x=1", id="a path"),
        pytest.param("https://r/v2/a", "https://s/b", "https://s/b", id="another host"),
        pytest.param("https://r/v2/a", "http://r/v2/b", "https://r/v2/b", id="the same host, TLS ended before it"),
        pytest.param("https://r:8443/v2/a", "http://r/v2/b", "https://r:8443/v2/b", id="the same, behind another port"),
        pytest.param("https://r/v2/a", "http://s/b", "http://s/b", id="another host over plain http (refused later)"),
        pytest.param("http://r:5000/v2/a", "http://r:6000/b", "http://r:6000/b", id="another port is another server"),
        pytest.param("http://r/v2/a", "https://r/b", "https://r/b", id="a better scheme"),
    ],
)
def test_a_location_is_followed(base, location, there):
    assert origin.follow(base, location) == there


def test_a_url_is_told_without_what_opens_it():
    assert origin.shown("https://user:password@r/v2/a?_state=secret#x") == "https://r/v2/a"
