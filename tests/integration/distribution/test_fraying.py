"""A line that drops each connection after N bytes: what fits N, if only by its smallest parts, comes through.

docker-registry 2.8.2 loses an upload of which a later part is cut (mended in 3.0, distribution #3755), and ECR and S3 a
part: so where no part came through, the next ones go each over a connection of its own, and smaller.
"""

from random import Random

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.registry import Distribution
from shale.oci.profiles import DISTRIBUTION
from shale.oci.registry import Data, Pushed
from shale.testkit.fraying import Fraying
from shale.testkit.front import Front
from shale.testkit.registries import PATIENCE

REPO = "team/resnet"
KiB = 2**10
BLOB = Random("fraying").randbytes(8192 * KiB)
PUSHED = Pushed(digest.of(BLOB), len(BLOB))
PROFILE = msgspec.structs.replace(DISTRIBUTION, part_bytes=2048 * KiB, least_part=256 * KiB)
HEADS = 8 * KiB
"""More than the requests around a part take on its connection."""


class Line:
    """A registry behind a front, behind a line that frays."""

    def __init__(self, front, fraying, registry):
        self.front, self.fraying, self.registry = front, fraying, registry

    def sent(self):
        return sum(len(one.body) for one in self.front.seen)

    def push(self, data, known=None):
        with self.registry.upload(REPO, known) as upload:
            return upload.send(Data(data))


@pytest.fixture
def line(park, request):
    with Front(park.server("plain").host) as front, Fraying(front.host, request.param) as fraying:
        registry = Distribution(park.options("plain", home=fraying.host, profile=lambda _: PROFILE))
        yield Line(front, fraying, registry)
        registry.close()


CROSSED = [
    pytest.param(256 * KiB + HEADS, id="its smallest parts"),
    pytest.param(300 * KiB, id="a little more than those"),
    pytest.param(700 * KiB, id="parts of a fourth"),
    pytest.param(2048 * KiB + HEADS, id="its parts"),
    pytest.param(3000 * KiB, id="more than one part"),
    pytest.param(7000 * KiB, id="all but the last part"),
]


@pytest.mark.parametrize("known", [None, PUSHED], ids=["not known", "known"])
@pytest.mark.parametrize("line", CROSSED, indirect=True)
def test_a_blob_comes_over_a_line_that_carries(line, known):
    assert line.push(BLOB, known) == PUSHED
    assert b"".join(line.registry.pull(REPO, PUSHED.digest)) == BLOB
    assert 1 <= line.fraying.broken <= 3
    # docker-registry 2.8.2 may say what it holds while it still takes what was cut: then the next part is lost, too
    assert line.sent() <= len(BLOB) + line.fraying.broken * (line.fraying.every + PROFILE.part_bytes // 4)


@pytest.mark.parametrize("line", [300 * KiB, 700 * KiB], indirect=True)
def test_what_was_learnt_of_a_line_counts_for_the_next_blobs(line):
    data = BLOB[: 1024 * KiB]
    whole = Pushed(digest.of(data), len(data))
    line.push(BLOB)
    broken = line.fraying.broken
    assert line.push(data, whole) == whole
    assert line.fraying.broken - broken <= 1


@pytest.mark.parametrize("line", [1500 * KiB], indirect=True)
def test_a_blob_that_is_known_and_would_go_whole_goes_in_parts_where_that_breaks(line):
    data = BLOB[: 2048 * KiB]
    whole = Pushed(digest.of(data), len(data))
    assert line.push(data, whole) == whole
    assert line.fraying.broken == 1
    assert (line.front.count("^PATCH "), line.front.count("^POST ")) == (4, 2)


@pytest.mark.parametrize("line", [100 * KiB], indirect=True)
@pytest.mark.parametrize("known", [None, PUSHED], ids=["not known", "known"])
def test_a_line_that_carries_no_part_is_given_up_after_a_few_tries(line, known):
    with pytest.raises(Transient, match="broke the connection off"):
        line.push(BLOB, known)
    assert line.fraying.broken <= PATIENCE.tries + 1
    assert line.registry.has(REPO, PUSHED.digest) is None


@pytest.mark.parametrize("line", [10 * 2**20], indirect=True)
def test_a_line_that_holds_is_one_connection(line):
    assert line.push(BLOB) == PUSHED
    assert line.fraying.broken == 0
    assert "close" not in {one.headers.get("Connection") for one in line.front.seen}
