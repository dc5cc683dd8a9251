"""What a reader and its askers agree on: where it is, what is asked, and by what it knows who may ask.

A reader lives in its user's namespace, so it holds no secret: of the pool's key it is given the proof of one token, and
who reads its Pod learns nothing to ask with. HTTP is plain: the token keeps strangers of the cluster out, not those
who listen on its network; that is the network's to encrypt, as for every other mount of such a volume.
"""

import hashlib
import hmac
import re

import msgspec

SCHEME = "reader://"
PORT = 7077
KEY_BYTES = 32
"""A key is at least as long as what is made with it."""
ASKERS = 64
"""Requests with a token that are answered at a time: a pool of 16 packers with 4 jobs each."""
SPARE = 16
"""Connections beyond those: whoever holds every other one, a kubelet is answered."""
HEAD = 5.0
"""Seconds in which a request has been said in whole, once it was begun or its connection made."""
QUIET = 30.0
"""Seconds that either side may say nothing amid a request."""
MAX_WORDS = 4096
"""Characters of a reason that are believed."""
MAX_LISTING = 128 << 20
"""Bytes of a listing: 200,000 entries with paths of 500 characters."""

VOLUME = "Shale-Volume"
"""The header in which a reader tells what identifies the file system of a file, when nothing but the check is asked."""

_URI = re.compile(r"reader://(?P<host>[a-z0-9.:\[\]-]+?):(?P<port>[0-9]{1,5})/(?P<claim>[A-Za-z0-9-]+)/(?P<gen>[0-9]+)")


class Address(msgspec.Struct, frozen=True):
    """One reader: where it answers, and for which claim and generation."""

    host: str
    port: int
    claim: str
    generation: int

    @property
    def uri(self) -> str:
        """Return the URI that packers are given: it holds no secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}{self.path}"

    @property
    def path(self) -> str:
        """Return the path below which everything is asked."""
        return f"/{self.claim}/{self.generation}"


class Trouble(msgspec.Struct, frozen=True):
    """Why there is no answer: the body of every refusal."""

    message: str
    reason: str = ""


def address(uri: str) -> Address | None:
    """Return what a `reader://` URI says; None when it is none."""
    found = _URI.fullmatch(uri)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        return None
    return Address(found["host"].strip("[]"), int(found["port"]), found["claim"], int(found["gen"]))


def token(key: bytes, claim: str, generation: int) -> str:
    """Return the bearer of one reader, made anew whenever it is needed and kept nowhere."""
    return hmac.new(key, f"shale reader\0{claim}\0{generation}".encode(), hashlib.sha256).hexdigest()


def proof(bearer: str) -> str:
    """Return what a reader compares with: from it nobody finds the token."""
    return hashlib.sha256(bearer.encode()).hexdigest()


def proves(bearer: str, expected: str) -> bool:
    """Return whether a token is the one that was meant, in a time that tells nothing."""
    return hmac.compare_digest(proof(bearer), expected)


def tag(size: int, version: str) -> str:
    """Return a listed file's version as an entity tag: what is read must still be that."""
    return f'"{size}:{version}"'


def untag(text: str) -> tuple[int, str] | None:
    """Return size and version of an entity tag; None when it is none of ours."""
    found = re.fullmatch(r'"([0-9]{1,18}):([0-9:]*)"', text)
    return (int(found[1]), found[2]) if found else None


def volume(claim: str, told: str | None) -> str:
    """Return what identifies a file system by a reader's word, which counts within its claim alone.

    A reader lives where its user may replace it: whatever it tells, it names no volume but one of its own claim.
    """
    return f"{claim}/{told}" if told and re.fullmatch(r"[0-9a-f]{64}", told) else ""
