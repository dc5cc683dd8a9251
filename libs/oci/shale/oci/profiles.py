"""What registries do otherwise than the specification says, and whence we know. Their sizes stand in `limits`."""

from typing import Literal

import msgspec

MiB = 2**20


class Profile(msgspec.Struct, frozen=True):
    """How one registry wants to be spoken to. The defaults are those of distribution (docker-registry, Harbor).

    `upload`: how a blob larger than `part_bytes` is sent; a smaller one always goes in one PUT.
    `counts`: whether what it says of the bytes it holds is true, so that an upload can be taken up again.
    `creates`: whether a push makes the repository. `deletes`: whether its API deletes manifests.
    `orphans`: whether collecting untagged manifests takes those that only an index names: they get tags of their own.
    `api`: the host that answers, where it is not the one in the names.
    """

    name: str
    upload: Literal["parts", "whole"] = "parts"
    part_bytes: int = 64 * MiB
    """Bytes of one request: what is sent again where one is lost. A registry saves its state between two (64 MiB was
    fastest and steadiest, measured), proxies like Cloudflare take bodies of 100 MB, and of S3's 10,000 parts even the
    largest layer that `limits` lets through needs few."""
    least_part: int = 5 * MiB
    """Bytes below which no part goes, however small the bodies are that a proxy takes: S3's least, but for the last."""
    counts: bool = True
    creates: bool = True
    deletes: bool = True
    orphans: bool = True
    """docker-registry 2.8.2 does (`garbage-collect --delete-untagged`, distribution #3178; tried), on GHCR the usual
    actions do (delete-package-versions #90); where nobody knows, two more tags cost nothing."""
    api: str = ""
    cure: str = "look whether its name is right and its project exists"
    """What to do where a repository is not there."""


HUB = Profile(
    "Docker Hub",
    deletes=False,  # 405 (docker/hub-feedback #2360)
    api="registry-1.docker.io",
)
GHCR = Profile(
    "GHCR",
    upload="whole",  # a part may have at most 4 MiB (ocx #237); KitOps #329 and skopeo send whole blobs
    deletes=False,  # 405 (skopeo #1880)
)
ECR = Profile(
    "ECR",
    part_bytes=16 * MiB,  # 5 to 20 MiB (of 20,971,520 bytes), and at most 4,200 of them (its service quotas)
    counts=False,  # Range stays at the end of the first part (aws/containers-roadmap #2831)
    creates=False,  # CreateRepository, or a creation template
    cure="ECR makes no repositories by itself: create it, or a repository creation template for its prefix",
)
ARTIFACT_REGISTRY = Profile(
    "Artifact Registry",
    upload="whole",  # "does not support Docker chunked uploads" (its Docker API page; skopeo #1101: 400)
    creates=False,  # the repository is the second component of the path; images in it are made by a push
    cure="create the Artifact Registry repository: gcloud artifacts repositories create",
)
ACR = Profile(
    "ACR",
    part_bytes=16 * MiB,  # 413 to bodies over about 20 MB, and a length has to be told (harbor #23015, #23016)
)
QUAY = Profile(
    "Quay",  # on S3, whose parts have at least 5 MiB (quay #2949)
    orphans=False,  # a manifest that another one names is none that may go (quay, data/model/oci/gc.py)
)
HARBOR = Profile(
    "Harbor",  # distribution 2.8 behind a proxy of its own (REGISTRY_SRC_TAG of its Makefile): its parts and its losses
)
"""At a name of its own, as nearly all are, it goes as distribution, which comes to the same."""

_BY_HOST = {
    "docker.io": HUB,
    "index.docker.io": HUB,
    "registry-1.docker.io": HUB,
    "ghcr.io": GHCR,
    "public.ecr.aws": msgspec.structs.replace(ECR, name="ECR Public"),
    "gcr.io": ARTIFACT_REGISTRY,  # served by Artifact Registry since 2025
    "quay.io": QUAY,
    "demo.goharbor.io": HARBOR,
}
_BY_SUFFIX = {
    ".pkg.dev": ARTIFACT_REGISTRY,
    ".gcr.io": ARTIFACT_REGISTRY,
    ".azurecr.io": ACR,
    ".amazonaws.com": ECR,
    ".amazonaws.com.cn": ECR,
}
DISTRIBUTION = Profile("distribution")


def profile_of(host: str) -> Profile:
    """Return how a registry is spoken to, known by its host as in the names of its repositories."""
    host = host.lower().removesuffix(":443")
    for suffix, profile in _BY_SUFFIX.items():
        if host.endswith(suffix):
            return profile
    return _BY_HOST.get(host, DISTRIBUTION)
