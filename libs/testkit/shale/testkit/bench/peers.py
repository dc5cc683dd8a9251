"""Other makers' ways to make an image of a folder and push it over plain http, each as the commands of its users.

They come from `tools/fetch_peers.py`. One that is not there is named with the reason, and not measured.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

PUSHES = "import sys, oras.client as o; o.OrasClient(insecure=True).push(sys.argv[1], files=sys.argv[2:])"
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
STORAGE = '[storage]\ndriver = "overlay"\nrunroot = "{work}/run"\ngraphroot = "{work}/graph"\n'
HELPERS = '[engine]\nhelper_binaries_dir = ["{tools}/debian/usr/lib/podman"]\n'
TAG = "v1"


class Task(msgspec.Struct, frozen=True):
    """What is asked of one: the folder `model` as `host/repo:tag`, and an empty folder `work` of its own."""

    model: Path
    host: str
    repo: str
    work: Path
    tag: str = TAG

    @property
    def image(self) -> str:
        """Return the image's name."""
        return f"{self.host}/{self.repo}:{self.tag}"


class Step(msgspec.Struct, frozen=True):
    """One command, where it runs, and what its environment has on top."""

    command: tuple[str, ...]
    cwd: Path
    environ: dict[str, str] = {}


class Peer(msgspec.Struct, frozen=True):
    """One way: how a figure names it, the programs it needs below the peers' folder, and its steps."""

    name: str
    needs: tuple[str, ...]
    steps: Callable[[Path, Task], Sequence[Step]]


def missing(peer: Peer, tools: Path) -> str:
    """Return why a peer cannot be measured; nothing when it can."""
    gone = [name for name in peer.needs if not (tools / name).exists()]
    return f"{' and '.join(gone)} not to be had: python3 tools/fetch_peers.py says why" if gone else ""


def buildah(tools: Path, task: Task) -> list[Step]:
    """Copy into a container from scratch, commit, push: gzip, its default."""
    work = task.work
    (work / "policy.json").write_text(POLICY)
    (work / "storage.conf").write_text(STORAGE.format(work=work))
    (work / "containers.conf").write_text(HELPERS.format(tools=tools))
    (work / "registries.conf").write_text("")
    (work / "tmp").mkdir()
    environ = {
        "CONTAINERS_CONF": str(work / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(work / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(work / "registries.conf"),
        "BUILDAH_ISOLATION": "chroot",
        "HOME": str(work),
        "TMPDIR": str(work / "tmp"),
    }
    policy = ("--signature-policy", str(work / "policy.json"))
    words = (
        ("from", "--name", "model", *policy, "scratch"),
        ("copy", "model", str(task.model), "/models"),
        ("commit", *policy, "model", "localhost/model:v1"),
        ("push", "--tls-verify=false", *policy, "localhost/model:v1", f"docker://{task.image}"),
    )
    return [Step((str(tools / "bin" / "buildah"), *one), work, environ) for one in words]


def umoci(tools: Path, task: Task) -> list[Step]:
    """Insert file by file into a layout, then copy it with skopeo: gzip, their default."""
    image, work = f"{task.work}/layout:{TAG}", task.work
    words = [("init", "--layout", f"{work}/layout"), ("new", "--image", image)]
    words += [("insert", "--image", image, str(path), f"/models/{path.name}") for path in sorted(task.model.iterdir())]
    copy = ("--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{image}", f"docker://{task.image}")
    environ = {"HOME": str(work), "TMPDIR": str(work)}
    return [
        *(Step((str(tools / "bin" / "umoci"), *one), work) for one in words),
        Step((str(tools / "bin" / "skopeo"), *copy), work, environ),
    ]


def crane(tools: Path, task: Task) -> list[Step]:
    """Make a tar, append it to nothing."""
    tar = ("tar", "--sort=name", "--mtime=@0", "-C", str(task.model.parent), "-cf", "model.tar", task.model.name)
    append = ("append", "--insecure", "--oci-empty-base", "-f", "model.tar", "-t", task.image)
    environ = {"HOME": str(task.work), "TMPDIR": str(task.work)}
    return [Step(tar, task.work), Step((str(tools / "bin" / "crane"), *append), task.work, environ)]


def oras(tools: Path, task: Task) -> list[Step]:
    """Push each file as a blob."""
    files = [path.name for path in sorted(task.model.iterdir())]
    command = (str(tools / "oras" / "bin" / "python"), "-c", PUSHES, task.image, *files)
    return [Step(command, task.model, {"HOME": str(task.work), "TMPDIR": str(task.work)})]


PEERS = (
    Peer("buildah", ("bin/buildah",), buildah),
    Peer("umoci + skopeo", ("bin/umoci", "bin/skopeo"), umoci),
    Peer("tar + crane append", ("bin/crane",), crane),
    Peer("oras-py", ("oras/bin/python",), oras),
)

KANIKO = {
    "note": "quoted: 1.23.2 with KubeDL's defaults, measured once beside a prototype of this packer; not in this run",
    "size_mb": 2103.5,
    "ratio_wall": {"median": 5.2, "each": [5.2, 5.1, 7.2]},
    "cpu_s_per_gb": 14.1,
    "peak_rss_mb": 4132,
}
