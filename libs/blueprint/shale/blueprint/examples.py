"""One message of every type that travels, as on the road of one ModelVersion: the list of types, and the samples."""

import hashlib

from shale.contracts.about import About
from shale.contracts.artifact import File, Layer, PackedLayer, Small
from shale.contracts.envelope import Message, type_of
from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerLost,
    LayerPacked,
    LayerRefused,
    LayersPlanned,
    Progressed,
    Refused,
    Released,
    Scanned,
    ScanRefused,
    StorageReady,
    Wanted,
)
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import Model, ModelSpec, ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Condition
from shale.contracts.resources.model import Display, LatestVersion, ModelStatus, VersionRow
from shale.contracts.resources.modelversion import LocalStorage, Registry, SecretRef, Storage


def _digest(word: str) -> str:
    return f"sha256:{hashlib.sha256(word.encode()).hexdigest()}"


VERSION = About(ModelVersion.__name__.lower(), "team-a", "mv-3", "0f9d2c1e-5a7b-4c3d-8e6f-1a2b3c4d5e6f", 1)
MODEL = About(Model.__name__.lower(), "team-a", "model1", "7b8c9d0e-1f2a-4b3c-9d4e-5f6a7b8c9d0e", 1)
CREATED = "2026-11-20T12:00:00Z"
FINISHED = "2026-11-20T12:01:34Z"
BUILDER = "image-builder"
URI = "file:///models/resnet"
TITLE = "/models/resnet on node node-1"
REPO = "registry.example/models/resnet"
IMAGE = f"{REPO}:v0.1"

WEIGHTS = File("model.safetensors", 90_868_376, 0o644, "1763640000000000000-1763640000000000000-42")
SMALL = Small("config.json", "vocab.txt", 9, 1_048_576, _digest("run"))
LAYERS = (
    Layer(f"0-{_digest('small')[7:19]}", "small", SMALL.size, small=SMALL, root=True),
    Layer(f"1-{_digest(WEIGHTS.path)[7:19]}", WEIGHTS.path, WEIGHTS.size, files=(WEIGHTS,)),
)
PACKED = (
    PackedLayer("small", "small", _digest("small layer"), 1_064_960, count=SMALL.count),
    PackedLayer(WEIGHTS.path, "weight", _digest("weight layer"), 90_869_760, reused=True),
)
PART = f"{LAYERS[1].part}~1"
REGISTRY = Registry(insecure=True, ca_secret_ref=SecretRef("registry-ca"))

MODEL_SPEC = ModelSpec("Eyes for the support team", Display(("vision", "support"), "https://models.example/resnet.svg"))
MODEL_STATUS = ModelStatus(
    observed_generation=1,
    phase="Ready",
    latest_version=LatestVersion("mv-3", IMAGE, _digest("index")),
    versions=(VersionRow("v0.1", "mv-3", "Ready", 91_934_720),),
    versions_total=1,
    conditions=(Condition("Ready", "True", "VersionReady", "mv-3 is ready", CREATED, 1),),
)
VERSION_SPEC = ModelVersionSpec(
    model_name="model1",
    image_repo=REPO,
    storage=Storage(LocalStorage("/models/resnet", "node-1", "/mnt/models")),
    image_tag="v0.1",
    created_by="user1",
    include="*.safetensors,*.json,*.txt",
    exclude="*.bin",
    push_secret_ref=SecretRef("registry-push"),
    registry=REGISTRY,
    deletion_policy="Delete",
    attempt=1,
    dry_run=True,
)
VERSION_STATUS = ModelVersionStatus(
    observed_generation=1,
    phase="Ready",
    progress="87.7Mi/87.7Mi (100%)",
    bytes_total=91_934_720,
    bytes_done=91_934_720,
    bytes_new=1_064_960,
    bytes_reused=90_869_760,
    new="1.0Mi",
    reused="99%",
    image=IMAGE,
    digest=_digest("index"),
    model_pack=f"{IMAGE}-modelpack",
    layers=PACKED,
    built_generation=1,
    start_time=CREATED,
    finish_time=FINISHED,
    conditions=(Condition("Ready", "True", "ImageBuilt", f"{IMAGE}@{_digest('index')}", FINISHED, 1),),
)

FACTS: tuple[Message, ...] = (
    Declared(MODEL, MODEL_SPEC, CREATED, MODEL_STATUS),
    Declared(VERSION, VERSION_SPEC, CREATED, VERSION_STATUS),
    Gone(MODEL),
    Gone(VERSION),
    Held(VERSION.whole(), BUILDER),
    Released(VERSION.whole(), BUILDER, (IMAGE,)),
    Refused(VERSION, BUILDER, "TagTaken", f"{IMAGE} names another version: choose another imageTag"),
    Wanted(VERSION, "model~model1", "model", "model1"),
    StorageReady(VERSION, URI, TITLE),
    Scanned(VERSION, "all~1", (WEIGHTS,), (SMALL,)),
    ScanRefused(VERSION, "all~1", "UnsafeLink", "models/escape links to /etc/passwd, outside the model: take it out"),
    LayersPlanned(VERSION, LAYERS, "v0.1"),
    LayerPacked(VERSION, PART, PACKED[1]),
    LayerRefused(VERSION, PART, "SourceChanged", f"{WEIGHTS.path} changed while it was read: make a new version"),
    LayerLost(VERSION, PART, PACKED[1].digest),
    ImageBuilt(VERSION, IMAGE, _digest("index"), f"{IMAGE}-modelpack", PACKED),
    Progressed(
        about=VERSION,
        part=f"builder-sync.{PART}",
        state="Retrying",
        reason="Unreachable",
        message="retrying in 8 s: registry.example does not answer",
        bytes_done=45_434_188,
        attempt=1,
        error="registry.example does not answer",
        next_at=1_795_176_008.5,
    ),
)
JOBS: tuple[Message, ...] = (
    ScanArtifact(VERSION, "all~1", URI, VERSION_SPEC.include, VERSION_SPEC.exclude, TITLE),
    PackLayer(
        about=VERSION,
        part=PART,
        uri=URI,
        repo=REPO,
        layer=LAYERS[1],
        include=VERSION_SPEC.include,
        exclude=VERSION_SPEC.exclude,
        push_secret="registry-push",  # noqa: S106 (the name of a Secret)
        registry=REGISTRY,
        title=TITLE,
    ),
)

EXAMPLES: dict[str, Message] = {type_of(message): message for message in (*FACTS, *JOBS)}
"""The example of each type, `dev.shale.<kind>.<fact>.v1`: what is not here is not printed."""
