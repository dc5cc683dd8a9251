"""Registries known by their hosts."""

import msgspec
import pytest

from shale.oci.limits import limits_of
from shale.oci.profiles import ACR, ARTIFACT_REGISTRY, DISTRIBUTION, ECR, GHCR, HARBOR, HUB, QUAY, MiB, profile_of

LARGEST = limits_of("")


@pytest.mark.parametrize(
    ("host", "profile"),
    [
        ("docker.io", HUB),
        ("index.docker.io", HUB),
        ("ghcr.io", GHCR),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", ECR),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", ECR),
        ("europe-west1-docker.pkg.dev", ARTIFACT_REGISTRY),
        ("eu.gcr.io", ARTIFACT_REGISTRY),
        ("gcr.io", ARTIFACT_REGISTRY),
        ("team.azurecr.io", ACR),
        ("quay.io", QUAY),
        ("demo.goharbor.io", HARBOR),
        ("registry-1.docker.io", HUB),
        ("ghcr.io:443", GHCR),
        ("GHCR.io", GHCR),
        ("harbor.example", DISTRIBUTION),
        ("127.0.0.1:5000", DISTRIBUTION),
        ("notghcr.io", DISTRIBUTION),
        ("azurecr.io.example", DISTRIBUTION),
    ],
)
def test_a_host_has_its_profile(host, profile):
    assert profile_of(host) == profile


def test_ecr_public_is_as_ecr_by_another_name():
    public = profile_of("public.ecr.aws")
    assert (public.name, public.counts, public.creates) == ("ECR Public", False, False)


@pytest.mark.parametrize("profile", [HUB, ECR, ACR, QUAY, HARBOR, DISTRIBUTION], ids=lambda one: one.name)
def test_parts_fit_every_store_that_takes_parts(profile):
    """5 MiB are S3's least, of 10,000 parts; Cloudflare ends bodies of 100 MB, which may stand before any registry."""
    assert 5 * MiB <= profile.part_bytes <= 64 * MiB < 100 * 10**6
    assert LARGEST.max_layer_bytes / profile.part_bytes < 4000


@pytest.mark.parametrize("profile", [ECR, profile_of("public.ecr.aws"), ACR], ids=lambda one: one.name)
def test_parts_fit_where_bodies_are_small(profile):
    assert profile.part_bytes <= 20 * 10**6


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io", "docker.io:443"])
def test_one_registry_has_one_limit_by_any_of_its_names(host):
    assert limits_of(host) == limits_of("docker.io") != LARGEST


def test_a_harbor_s_names_say_no_more_than_distribution_s():
    """At a name of its own it cannot be told from one: that must come to the same."""
    assert msgspec.structs.replace(HARBOR, name=DISTRIBUTION.name) == DISTRIBUTION
