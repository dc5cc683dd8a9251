"""The objects that a version's weights are read by, as one would have written them by hand. Pure."""

from typing import Any

import msgspec

from shale.contracts.about import About
from shale.contracts.resources import GROUP, KINDS, VERSION
from shale.storage_provisioner.cluster.place import Place

Tree = dict[str, Any]

MANAGED = "app.kubernetes.io/managed-by"
SHALE = "shale"
UID, GENERATION = f"{GROUP}/uid", f"{GROUP}/generation"
LAST_END = f"{GROUP}/last-end"
"""An annotation of the Service: why the last reader ended, so that no stall flickers while the next one starts."""
PROOF = f"{GROUP}/proof"
"""An annotation of a reader: the proof of its token, which gives that to nobody. Another key has another."""
MOUNT = "/weights"
NOMINAL = "1Mi"
"""What a claim asks for: nothing is ever allocated, and a namespace's quota counts it."""


class Image(msgspec.Struct, frozen=True):
    """What a reader runs, and as whom; `idle` seconds without a request end it."""

    name: str
    user: int = 65532
    idle: int = 3600
    port: int = 7077


def volume_name(about: About) -> str:
    """Return the name of a version's volume, and of the claim to it."""
    return f"shale-{about.uid}"


def reader_name(about: About) -> str:
    """Return the name of one generation's reader, and of its Service."""
    return f"shale-{about.uid}-{about.generation}"


def labels(about: About) -> dict[str, str]:
    """Return what every object of ours carries: whose it is, and at which generation."""
    return {
        MANAGED: SHALE,
        f"{GROUP}/kind": about.kind,
        f"{GROUP}/namespace": about.namespace,
        f"{GROUP}/name": about.name,
        UID: about.uid,
        GENERATION: str(about.generation),
    }


def selector(about: About) -> str:
    """Return the label selector of all objects of a version."""
    return f"{MANAGED}={SHALE},{UID}={about.uid}"


def claim(about: About) -> Tree:
    """Return the claim to the version's own volume: made first, for the volume names its uid."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _owned(about, volume_name(about)),
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "storageClassName": "",
            # not by volumeName: a claim that names a volume which comes later is looked at again only every 15 s
            "selector": {"matchLabels": {UID: about.uid}},
            "resources": {"requests": {"storage": NOMINAL}},
        },
    }


def volume(about: About, place: Place, claim_uid: str) -> Tree:
    """Return the volume: read-only, bound to that very claim, and never anybody's to reclaim."""
    spec: Tree = {
        "capacity": {"storage": NOMINAL},
        "accessModes": ["ReadOnlyMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "mountOptions": list(place.options),
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": about.namespace,
            "name": volume_name(about),
            "uid": claim_uid,
        },
        **place.source,
    }
    if place.node:
        term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [place.node]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(about), "labels": labels(about)},
        "spec": spec,
    }


def service(about: About, image: Image) -> Tree:
    """Return the reader's address, which outlives each of its Pods; a busy reader stays reachable."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _owned(about, reader_name(about)),
        "spec": {
            "selector": {UID: about.uid, GENERATION: str(about.generation)},
            "ports": [{"name": "http", "port": image.port, "targetPort": image.port, "protocol": "TCP"}],
            "publishNotReadyAddresses": True,
        },
    }


class Reading(msgspec.Struct, frozen=True):
    """What one reader is told: under which `uri` it is known, what proves its token, and how patient it is."""

    uri: str
    proof: str
    claim: str
    patience: int = 0


def pod(about: About, place: Place, image: Image, reading: Reading) -> Tree:
    """Return the reader: it holds no credential, may do nothing, and sees one volume, read-only."""
    # a user's claim is attached as it is elsewhere, lest it be in two ways: the container's mount is what is read-only
    mounted = {"claimName": reading.claim} if place.claim else {"claimName": reading.claim, "readOnly": True}
    spec: Tree = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": image.user,
            "runAsGroup": image.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(place, image, reading)],
        "volumes": [{"name": "weights", "persistentVolumeClaim": mounted}],
    }
    if place.node:  # the weights are on that node alone, whatever it is kept for
        spec["tolerations"] = [{"operator": "Exists", "effect": "NoSchedule"}]
    meta = {**_owned(about, reader_name(about)), "annotations": {PROOF: reading.proof}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def last_words(about: About, service_uid: str, words: str) -> Tree:
    """Return what is noted at the Service of a reader that ended."""
    meta = {"name": reader_name(about), "namespace": about.namespace, "uid": service_uid}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {**meta, "annotations": {LAST_END: words}}}


def _container(place: Place, image: Image, reading: Reading) -> Tree:
    told = {
        "--uri": reading.uri,
        "--title": _plain(place.title),
        "--volume": MOUNT,
        "--folder": _plain(place.folder),
        "--proof": reading.proof,
        "--host": "$(POD_IP)",
        "--port": str(image.port),
        "--patience": str(reading.patience),
        "--idle": str(image.idle),
        "--last-words": "/dev/termination-log",
    }
    return {
        "name": "reader",
        "image": image.name,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "shale.sources.reader"],
        "args": [f"{name}={value}" for name, value in told.items()],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": "http", "containerPort": image.port, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": image.port}, "periodSeconds": 2, "timeoutSeconds": 5},
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "2", "memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": "/dev/termination-log",
        "volumeMounts": [{"name": "weights", "mountPath": MOUNT, "readOnly": True}],
    }


def _plain(words: str) -> str:
    """Return what a kubelet gives on as these very words: it would put variables into them."""
    return words.replace("$", "$$")


def _owned(about: About, name: str) -> Tree:
    kind = KINDS[about.kind]
    owner = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind.kind,
        "name": about.name,
        "uid": about.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {"name": name, "namespace": about.namespace, "labels": labels(about), "ownerReferences": [owner]}
