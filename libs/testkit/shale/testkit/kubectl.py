"""kubectl as a person types it, on one cluster."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from shale.testkit.apiserver import Tree


class Kubectl:
    """One kubectl and one kubeconfig; what it caches lies in `folder`. AssertionError: it did not do what was asked."""

    def __init__(self, program: str, kubeconfig: Path, folder: Path) -> None:
        self._program = program
        self._environ = {**os.environ, "KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(folder), "HOME": str(folder)}

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which a program that calls kubectl speaks to this cluster."""
        return self._environ

    def run(self, *words: str, stdin: str = "", within: float = 120) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whatever that is."""
        return subprocess.run(
            [self._program, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
            env=self._environ,
        )

    def do(self, *words: str, stdin: str = "", within: float = 120) -> str:
        """Return what it says."""
        done = self.run(*words, stdin=stdin, within=within)
        if done.returncode:
            raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def get(self, *words: str) -> Tree:
        """Return an object, or a list of them."""
        return json.loads(self.do("get", *words, "-o", "json"))

    def items(self, *words: str) -> list[Tree]:
        """Return the objects of a list."""
        return self.get(*words)["items"]

    def apply(self, *trees: Tree, **words: str) -> str:
        """Apply manifests; `server_side="true"` becomes `--server-side=true`."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": trees})
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in words.items()]
        return self.do("apply", "-f", "-", *flags, stdin=text)

    def there(self, *words: str) -> Any:  # noqa: ANN401 (an object, or nothing)
        """Return an object, or None when it is not there."""
        done = self.run("get", *words, "-o", "json", "--ignore-not-found")
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None
