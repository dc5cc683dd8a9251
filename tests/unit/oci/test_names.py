import pytest

from shale.oci import names


@pytest.mark.parametrize(
    ("repo", "folder"),
    [
        pytest.param("modelhub/resnet", "modelhub/resnet", id="no host"),
        pytest.param("resnet", "resnet", id="one component"),
        pytest.param("registry.example/models/resnet", "registry.example/models/resnet", id="a host"),
        pytest.param("localhost:5000/resnet", "localhost+5000/resnet", id="a port"),
        pytest.param("a--b/c__d/e.f", "a--b/c__d/e.f", id="all separators"),
    ],
)
def test_a_repository_has_its_folder(repo, folder):
    assert names.folder(repo) == folder


@pytest.mark.parametrize(
    "repo",
    [
        pytest.param("", id="nothing"),
        pytest.param("..", id="the parent"),
        pytest.param("../etc", id="a host that is the parent"),
        pytest.param("a/../../etc", id="up and out"),
        pytest.param("/etc/passwd", id="an absolute path"),
        pytest.param("a//b", id="an empty component"),
        pytest.param("a/b/", id="a slash at the end"),
        pytest.param("./a", id="here"),
        pytest.param(".uploads/a", id="a hidden folder"),
        pytest.param("a/b:v1", id="a tag"),
        pytest.param("a/b@sha256:" + "0" * 64, id="a digest"),
        pytest.param("a/B", id="capitals in a path"),
        pytest.param("a/b\n", id="a line feed behind it"),
        pytest.param("a/b\0c", id="NUL"),
        pytest.param("host:123456/a", id="a port that is none"),
        pytest.param("a" * 256, id="too long"),
        pytest.param("a" * 200 + "!", id="long and wrong, quickly"),
    ],
)
def test_what_is_no_repository_is_refused(repo):
    with pytest.raises(ValueError, match="is not a repository such as"):
        names.folder(repo)


@pytest.mark.parametrize(
    ("repo", "folder"),
    [
        ("a/blobs/sha256", "a/_blobs/sha256"),
        ("a/index.json", "a/_index.json"),
        ("a/oci-layout/b", "a/_oci-layout/b"),
        ("blobs", "_blobs"),
    ],
)
def test_a_repository_never_lies_among_the_files_of_another(repo, folder):
    assert names.folder(repo) == folder


@pytest.mark.parametrize("tag", ["v1", "latest", "_x", "V1.2-rc_3", "a" * 128])
def test_tags_are_as_oci_has_them(tag):
    assert names.tag(tag) == tag


@pytest.mark.parametrize("tag", ["", ".v1", "-v1", "a/b", "a:b", "a" * 129, "a\n", "é"])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(ValueError, match="is not a tag"):
        names.tag(tag)


@pytest.mark.parametrize(
    ("repo", "host", "path"),
    [
        pytest.param("modelhub/resnet", "home", "modelhub/resnet", id="no host lies at home"),
        pytest.param("resnet", "home", "resnet", id="one component lies at home"),
        pytest.param("registry.example/models/resnet", "registry.example", "models/resnet", id="a dot is a host's"),
        pytest.param("registry:5000/resnet", "registry:5000", "resnet", id="a port is a host's"),
        pytest.param("localhost/resnet", "localhost", "resnet", id="this machine"),
        pytest.param("Registry/resnet", "registry", "resnet", id="capitals are a host's"),
        pytest.param("registry.example", "home", "registry.example", id="nothing behind it is no host"),
    ],
)
def test_a_repository_lies_on_its_host(repo, host, path):
    assert names.split(repo, "home") == (host, path)


def test_what_is_no_repository_lies_nowhere():
    with pytest.raises(ValueError, match="is not a repository"):
        names.split("a/../b", "home")


@pytest.mark.parametrize(
    "repo", ["[::1]:5000/models/resnet", "[fe80::1]/a", "[2001:db8::1]:443/a/b", "::1/a", "2001:db8::1/a"]
)
def test_an_ipv6_registry_is_refused_with_the_cure(repo):
    for read in (names.repository, names.folder, lambda text: names.split(text, "docker.io")):
        with pytest.raises(ValueError, match="give the IPv6 address a name"):
            read(repo)
