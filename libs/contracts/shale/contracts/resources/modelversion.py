"""ModelVersion: one immutable version of a model, packed from its storage into one image."""

from typing import Annotated, ClassVar, Literal, get_args

import msgspec

from shale.contracts.artifact import PackedLayer
from shale.contracts.openset import words
from shale.contracts.resources.meta import DNS_LABEL, Condition, Globs, Metadata, Name, Rule, Text, immutable

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Phase = Literal["Pending", "Provisioning", "Scanning", "Packing", "Publishing", "Ready", "Failed", "Deleting"]


class LocalStorage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A folder on one node. `mount_path` is where training containers see it."""

    path: Path
    node_name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    mount_path: Text = ""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.path.startsWith('/')", "localStorage.path must be absolute: begin it with '/'"),
        Rule("!self.path.matches('(^|/)[.][.](/|$)')", "localStorage.path must not climb: take the '..' out"),
        Rule("!self.path.matches('[[:cntrl:]]')", "localStorage.path must hold no control characters"),
        Rule(
            "self.nodeName.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "localStorage.nodeName must be the name of a node: a-z, 0-9, '-' and '.'",
        ),
    )


class Nfs(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An NFS export."""

    server: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    path: Path
    mount_path: Text = ""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.server.matches('[[:cntrl:] /]')",
            "nfs.server must be a name or an address: without blanks, '/' and control characters",
        ),
        Rule("self.path.startsWith('/')", "nfs.path must be absolute: begin it with '/'"),
        Rule("!self.path.matches('(^|/)[.][.](/|$)')", "nfs.path must not climb: take the '..' out"),
        Rule("!self.path.matches('[[:cntrl:]]')", "nfs.path must hold no control characters"),
    )


class AwsEfs(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An EFS file system by its CSI driver; `volume_handle` is `fs-id[:subpath[:accessPointId]]`."""

    volume_handle: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    attributes: Annotated[dict[str, Text], msgspec.Meta(max_length=32)] = {}
    mount_path: Text = ""


class Pvc(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An existing claim of the same namespace, or a folder in it."""

    claim_name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    sub_path: Text = ""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.claimName.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
            "pvc.claimName must be the name of a claim: a-z, 0-9, '-' and '.'",
        ),
        Rule(
            "!has(self.subPath) || !self.subPath.startsWith('/')",
            "pvc.subPath must be relative: it begins where the claim does",
        ),
        Rule(
            "!has(self.subPath) || !self.subPath.matches('(^|/)[.][.](/|$)')",
            "pvc.subPath must not climb: take the '..' out",
        ),
        Rule(
            "!has(self.subPath) || !self.subPath.matches('[[:cntrl:]]')",
            "pvc.subPath must hold no control characters",
        ),
    )


class SourceStorage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A ModelSource of the same namespace; `config` overlays the source's own."""

    name: Name
    repo: Text = ""
    config: Annotated[dict[str, Text], msgspec.Meta(max_length=32)] = {}


class Storage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where the weights lie: exactly one of these."""

    local_storage: LocalStorage | None = None
    nfs: Nfs | None = None
    aws_efs: AwsEfs | None = None
    pvc: Pvc | None = None
    source: SourceStorage | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.localStorage), has(self.nfs), has(self.awsEfs), has(self.pvc), has(self.source)]"
            ".filter(x, x).size() == 1",
            "storage must name exactly one of localStorage, nfs, awsEfs, pvc, source",
        ),
    )


class SecretRef(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A Secret of the same namespace, by name."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]


class Registry(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How the registry of `imageRepo` is spoken to: TLS is verified unless `insecure` says otherwise."""

    insecure: bool = False
    ca_secret_ref: SecretRef | None = None


class ModelVersionSpec(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the user wants; immutable but for `attempt`, `dryRun` and `deletionPolicy`."""

    model_name: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    image_repo: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    storage: Storage
    image_tag: Annotated[str, msgspec.Meta(max_length=116)] = ""
    created_by: Text = ""
    include: Globs = ""
    exclude: Globs = ""
    layout: Annotated[str, words("files", "tensors")] = "files"
    push_secret_ref: SecretRef | None = None
    registry: Registry | None = None
    deletion_policy: Annotated[str, words("Retain", "Delete")] = "Retain"
    attempt: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    dry_run: bool = False

    rules: ClassVar[tuple[Rule, ...]] = (
        *immutable("modelName", "imageRepo", "storage", "imageTag", "createdBy", "include", "exclude", "layout"),
        *immutable("pushSecretRef", "registry"),
        Rule(
            "(has(self.attempt) ? self.attempt : 0) >= (has(oldSelf.attempt) ? oldSelf.attempt : 0)",
            "attempt may only rise: each try is on record",
        ),
        Rule(
            "self.modelName.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            "modelName must be a DNS label, the name of a Model: a-z, 0-9 and '-'",
        ),
        Rule(
            "self.imageRepo.matches('^([a-zA-Z0-9]+([.-]+[a-zA-Z0-9]+)*"
            "(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?/)?"
            "[a-z0-9]+((_|__|[.]|-+)[a-z0-9]+)*"
            "(/[a-z0-9]+((_|__|[.]|-+)[a-z0-9]+)*)*$')",
            "imageRepo must be a repository without tag or digest, such as registry.example/models/resnet",
        ),
        Rule(
            "!has(self.imageTag) || self.imageTag == ''"
            " || self.imageTag.matches('^[A-Za-z0-9_][A-Za-z0-9._-]{0,115}$')",
            "imageTag must be an OCI tag of at most 116 characters: letters, digits, '.', '_' and '-'",
        ),
        Rule(
            "!has(self.imageTag) || !self.imageTag.matches('-(modelpack|linux-amd64|linux-arm64)$')",
            "imageTag must not end in -modelpack, -linux-amd64 or -linux-arm64: such tags are made beside yours",
        ),
    )


class ModelVersionStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is; bytes are counted over the blobs that the image needs."""

    observed_generation: int = 0
    phase: Annotated[str, words(*get_args(Phase))] = ""
    progress: str = ""
    bytes_total: int = 0
    bytes_done: int = 0
    bytes_new: int = 0
    bytes_reused: int = 0
    new: str = ""
    reused: str = ""
    image: str = ""
    digest: str = ""
    model_pack: str = ""
    layers: Annotated[tuple[PackedLayer, ...], msgspec.Meta(max_length=100)] = ()
    built_generation: int = 0
    """The generation that image, digest, modelPack and layers are of."""
    start_time: str = ""
    finish_time: str = ""
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=20)] = ()


class ModelVersion(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One immutable version of a model, packed from its storage into one image."""

    metadata: Metadata
    spec: ModelVersionSpec
    status: ModelVersionStatus = ModelVersionStatus()
    api_version: str = "shale.dev/v1alpha1"
    kind: str = "ModelVersion"

    rules: ClassVar[tuple[Rule, ...]] = (DNS_LABEL,)


def refers(spec: ModelVersionSpec) -> tuple[tuple[str, str], ...]:
    """Return the (kind, name) of the objects in the same namespace that this spec names."""
    source = spec.storage.source
    return (("model", spec.model_name), *((("modelsource", source.name),) if source else ()))
