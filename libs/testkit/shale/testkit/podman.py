"""A podman of a test's own: its store, its settings and its locks lie in one folder, and it runs nothing.

podman 4.3.1 as Debian has it, unpacked; it wants conmon and a runtime before it even pulls.
"""

import json
import os
import subprocess
from pathlib import Path

_SECONDS = 100.0
_CONFIG = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
events_logger = "none"
cgroup_manager = "cgroupfs"
lock_type = "file"
tmp_dir = "{folder}/tmp"
conmon_path = ["{root}/usr/bin/conmon", "/usr/bin/conmon"]
[engine.runtimes]
runc = ["{root}/usr/sbin/runc", "/usr/sbin/runc", "/usr/bin/runc"]
"""
_STORAGE = """
[storage]
driver = "vfs"
runroot = "{folder}/run"
graphroot = "{folder}/graph"
"""


class Podman:
    """Pulls images into a folder; what it pulled is there as plain files."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        root = Path(program).parent.parent / "debian"
        names = {"containers": _CONFIG, "storage": _STORAGE, "registries": "unqualified-search-registries = []\n"}
        for name, text in names.items():
            (folder / f"{name}.conf").write_text(text.format(folder=folder, root=root))
        (folder / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self._environ = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        }

    def pull(self, name: str, platform: str, *flags: str) -> str:
        """Pull the image of one platform; return its id, which is the digest of its config."""
        policy = ("--signature-policy", str(self._folder / "policy.json"))
        return self._run("pull", "--quiet", "--tls-verify=false", *policy, "--platform", platform, *flags, name)

    def files(self, image: str) -> Path:
        """Return the folder that holds an image's files."""
        return Path(self._run("image", "mount", image))

    def architecture(self, image: str) -> str:
        """Return what an image was made for."""
        return self._run("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image)

    def _run(self, *arguments: str) -> str:
        command = [self._program, *arguments]
        done = subprocess.run(command, env=self._environ, check=False, capture_output=True, text=True, timeout=_SECONDS)
        if done.returncode:
            raise AssertionError(f"podman {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()
