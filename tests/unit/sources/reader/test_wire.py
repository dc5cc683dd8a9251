import pytest

from shale.sources.reader import wire
from shale.sources.reader.source import Readers
from shale.sources.reader.wire import Address

KEY = bytes(range(32))


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(Address("shale-uid-1.team-a.svc", 7077, "3f2a-11", 1), id="a service"),
        pytest.param(Address("127.0.0.1", 80, "claim", 12), id="an address"),
        pytest.param(Address("fd00::1", 7077, "claim", 1), id="one of six"),
    ],
)
def test_an_address_survives_its_uri(address):
    assert wire.address(address.uri) == address


@pytest.mark.parametrize(
    "uri",
    [
        "reader://host/claim/1",
        "reader://host:0/claim/1",
        "reader://host:65536/claim/1",
        "reader://host:80/claim/1?token=x",
        "reader://user@host:80/claim/1",
        "reader://host:80/claim/../1",
        "reader://host:80/claim/x",
        "http://host:80/claim/1",
        "reader://host:80/claim/1\n",
    ],
)
def test_anything_else_is_no_address(uri):
    assert wire.address(uri) is None


def test_each_claim_and_each_generation_has_a_token_of_its_own():
    pairs = [("claim-1", 1), ("claim-1", 2), ("claim-2", 1), ("claim-1\0001", 1), ("claim-", 11)]
    tokens = {wire.token(KEY, claim, generation) for claim, generation in pairs}
    assert len(tokens) == len(pairs)
    assert wire.token(KEY, "claim-1", 1) == wire.token(KEY, "claim-1", 1) != wire.token(bytes(32), "claim-1", 1)


def test_a_proof_proves_its_token_alone_and_is_not_it():
    token = wire.token(KEY, "claim-1", 1)
    assert wire.proves(token, wire.proof(token))
    for other in ("", token[:-1], wire.proof(token), wire.token(KEY, "claim-1", 2)):
        assert not wire.proves(other, wire.proof(token))


@pytest.mark.parametrize("version", ["", "12:1700000000000000000:1700000000000000000"])
def test_a_tag_carries_size_and_version(version):
    assert wire.untag(wire.tag(7, version)) == (7, version)


@pytest.mark.parametrize(
    "text", ["", "*", '"7"', "7:1", '"-7:1"', '"7:1', '"7:a b"', '"7:1", "8:1"', '"' + "9" * 30 + ':"']
)
def test_no_other_tag_is_read(text):
    assert wire.untag(text) is None


def test_a_key_is_not_shown():
    assert "key" not in repr(Readers(KEY, "proxy:80"))
    assert str(KEY) not in f"{Readers(KEY)} {Readers(KEY)!r}"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param("a" * 64, f"claim-1/{'a' * 64}", id="counts within its claim alone"),
        pytest.param(None, "", id="of an older release tells nothing"),
        pytest.param("", "", id="on a network's file system tells nothing"),
        pytest.param(f"../claim-2/{'a' * 64}", "", id="that tells another claim's is not believed"),
        pytest.param("a" * 63 + "\n", "", id="that tells what is no volume is not believed"),
    ],
)
def test_a_volume_by_a_readers_word(told, expected):
    assert wire.volume("claim-1", told) == expected
