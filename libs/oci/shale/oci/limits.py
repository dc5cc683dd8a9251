"""What registries take at most, and whence we know."""

import msgspec

GB = 10**9
GiB = 2**30


class Limits(msgspec.Struct, frozen=True):
    """What one registry takes: bytes per layer, layers per image, and who says so."""

    name: str
    max_layer_bytes: int = 48 * GiB
    max_layers: int = 60
    """Over about 70 layers some runtimes no longer mount an image (buildkit #4810, containerd #2497). Of the registries
    only ECR is known to count them, to 500 (spin #1787): what nodes can mount is less everywhere."""
    whence: str = "below the 52,000 MiB of ECR's service quotas, the smallest known among the others"


_HUB = Limits("Docker Hub", 10 * GB, whence="it refused a blob of 23 GB (emmy #397)")
_SMALLER = {
    "ghcr.io": Limits("GHCR", 10 * GB, whence="its container registry limits"),
    "docker.io": _HUB,
    "index.docker.io": _HUB,
    "registry-1.docker.io": _HUB,
    "demo.goharbor.io": Limits("Harbor", 32 * GiB, whence="before 2.9.2 it failed over larger ones (harbor #19573)"),
    "public.ecr.aws": Limits("ECR Public", 10 * GB, whence="its service quotas"),
}


def limits_of(host: str) -> Limits:
    """Return the limits of a registry, known by its host; without one, those of a folder of layouts."""
    return _SMALLER.get(host.lower().removesuffix(":443"), Limits(host or "a folder of layouts"))
