"""Connections outlive jobs, apart by whom we believe, and not without bound."""

import pytest

from shale.oci.distribution.patience import Patience
from shale.oci.distribution.transport import Trust
from shale.registries.pools import MOST, Pools
from shale.testkit import certificates


@pytest.fixture
def pools():
    return Pools(Patience())


def test_the_same_trust_has_the_same_connections(pools):
    assert pools.of(Trust()) is pools.of(Trust())


def test_who_believes_anyone_shares_with_nobody_who_does_not(pools):
    assert pools.of(Trust(insecure=True)) is not pools.of(Trust())


def test_what_rests_longest_begins_anew(pools, tmp_path):
    pem = certificates.make(tmp_path).pem
    first, used = pools.of(Trust(ca=pem)), pools.of(Trust())
    for number in range(MOST - 1):
        pools.of(Trust(ca=pem + "\n" * (number + 1)))
        assert pools.of(Trust()) is used
    assert pools.of(Trust(ca=pem)) is not first
