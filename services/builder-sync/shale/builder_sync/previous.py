"""Whether a repository has a layer of the same name and size already, by its own manifests: such a one is hashed first.

For who has no index, or lost it. A hint: what is hashed is looked for by its digest, and what cannot be asked is none.
"""

import logging
import re
from collections.abc import Iterator
from threading import Lock

from shale.contracts.artifact import Layer
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.oci import manifest, plan, tarball
from shale.oci.descriptor import FILEPATH, MODEL_WEIGHT_CONFIG, Descriptor
from shale.oci.manifest import MODELPACK_SUFFIX, Manifest
from shale.oci.registry import Registry

log = logging.getLogger("shale.builder-sync")

Key = tuple[str, int]
"""A layer's name and its size as a blob; of a small one 0, which is not known before it is read."""

MOST = 4
"""Images that are looked at: the last ones by the natural order of their tags."""
_WORDS = re.compile(r"(\D*)(\d{0,18})")
KEPT = 16
"""Versions for which it is kept in mind what their repository holds: their layers are packed one after the other."""


def key(layer: Layer) -> Key:
    """Return what a layer has in common with the same one of a version before."""
    entries = (plan.entry(layer.tile),) if layer.tile else plan.entries(layer.files)
    name = manifest.title(layer.name, "weight" if entries else "small", len(entries))
    return name, tarball.size(entries, root=layer.root) if entries else 0


def keyed(pack: Manifest) -> Iterator[tuple[Key, Descriptor]]:
    """Yield the layers of a ModelPack manifest with their keys."""
    for layer in pack.layers:
        name = (layer.annotations or {}).get(FILEPATH, "")
        yield (name, 0 if layer.media_type == MODEL_WEIGHT_CONFIG else layer.size), layer


class Previous:
    """What repositories held when one worker first packed a layer of a version; for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[tuple[str, str, int], frozenset[Key]] = {}

    def has(self, registry: Registry, job: PackLayer) -> bool:
        """Say whether one of the last images of the job's repository has a layer of this name and size."""
        version = job.repo, job.about.uid, job.about.generation
        with self._lock:
            keys = self._seen.get(version)
        if keys is None:
            keys = _keys(registry, job.repo)
            with self._lock:
                self._seen[version] = keys
                while len(self._seen) > KEPT:
                    del self._seen[next(iter(self._seen))]
        return key(job.layer) in keys


def _keys(registry: Registry, repo: str) -> frozenset[Key]:
    try:
        tags = [tag for tag in registry.tags(repo) if tag.endswith(MODELPACK_SUFFIX)]
        found = (_pack(registry, repo, tag) for tag in sorted(tags, key=_natural)[-MOST:])
        return frozenset(one for pack in found if pack is not None for one, _ in keyed(pack))
    except (Transient, ValueError) as error:  # who may not list may push all the same
        log.info("what lies there is not known", extra={"repo": repo, "error": str(error)})
        return frozenset()


def _natural(tag: str) -> list[tuple[str, int]]:
    """Order `v9` before `v10`."""
    return [(word, int(number or 0)) for word, number in _WORDS.findall(tag)]


def _pack(registry: Registry, repo: str, tag: str) -> Manifest | None:
    entry = registry.resolve(repo, tag)
    data = registry.manifest(repo, entry.digest) if entry else None
    document = manifest.parse(data) if data is not None else None
    return document if isinstance(document, Manifest) else None
