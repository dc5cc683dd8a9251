"""Registries known by their hosts."""

import pytest

from shale.oci.profiles import ACR, ARTIFACT_REGISTRY, DISTRIBUTION, ECR, GHCR, HUB, QUAY, MiB, profile_of


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


@pytest.mark.parametrize("profile", [HUB, ECR, ACR, QUAY, DISTRIBUTION], ids=lambda one: one.name)
def test_parts_fit_every_store_that_takes_parts(profile):
    assert 5 * MiB <= profile.part_bytes <= 20 * MiB
    assert 48 * 2**30 / profile.part_bytes <= (4200 if profile == ECR else 10_000)
