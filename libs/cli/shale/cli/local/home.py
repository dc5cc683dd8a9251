"""The folder of one local installation: its registry, its store, its logs, and the file by which commands find it."""

import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shale.cli.exits import CliError
from shale.oci import disk


class Running(msgspec.Struct, frozen=True):
    """One process; `started` in seconds since the epoch, so that a pid that was given away again is known for it."""

    name: str
    pid: int
    started: float


class State(msgspec.Struct, frozen=True, rename="camel"):
    """What is up: where NATS listens, the registry's folder, the logs, and who runs."""

    nats_url: str
    registry: str
    logs: str
    up: Running
    processes: tuple[Running, ...] = ()
    kubeconfig: str = ""
    """Of the cluster whose objects these services serve; empty: objects lie on NATS."""


class Home(msgspec.Struct, frozen=True):
    """The folder's parts; `registry` and `store` outlive `shale up`, the state file does not."""

    path: Path

    @property
    def registry(self) -> Path:
        """OCI layouts, one per repository."""
        return self.path / "registry"

    @property
    def store(self) -> Path:
        """What JetStream keeps."""
        return self.path / "jetstream"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.path / "logs"

    @property
    def state_file(self) -> Path:
        """Where NATS and the registry of a running installation are."""
        return self.path / "state.json"

    @property
    def key_file(self) -> Path:
        """The pool's key: what packers sign what they tell one another with."""
        return self.path / "key"

    def key(self) -> Path:
        """Return the file of the pool's key, drawn at the first time. Raises CliError when others could read it.

        To be called by who owns the folder.
        """
        fresh = self.key_file.with_name("key.new")
        try:
            if not self.key_file.exists():
                fresh.unlink(missing_ok=True)
                with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
                    file.write(f"{secrets.token_hex(32)}\n")
                    file.flush()
                    os.fsync(file.fileno())
                fresh.replace(self.key_file)
            found = self.key_file.stat()
        except OSError as error:
            raise CliError(
                f"{self.key_file} cannot be made or read ({error.strerror}): remove it, or free it"
            ) from error
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            cure = "make it yours alone (chmod 600), or remove it to have one drawn anew"
            raise CliError(f"{self.key_file} may be read or written by others: {cure}")
        return self.key_file

    def state(self) -> State | None:
        """Return what is up, or was when it was killed; None when nothing is. Raises CliError for what is no state."""
        try:
            return msgspec.json.decode(self.state_file.read_bytes(), type=State)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise CliError(f"{self.state_file} cannot be read ({error}): remove it and run `shale up` again") from error

    def write(self, state: State) -> None:
        """Say what is up, in one step."""
        disk.replace(self.state_file, msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")

    @contextmanager
    def owned(self) -> Generator[None]:
        """Make the folder and own it until the end; CliError when another `shale up` does.

        The kernel frees the lock of an owner that is killed.
        """
        for folder in (self.path, self.store, self.logs):
            _make(folder)
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not disk.try_lock(fd):
                raise CliError(f"another `shale up` runs in {self.path}: stop it first, or give another --home")
            try:
                yield
            finally:
                self.state_file.unlink(missing_ok=True)
        finally:
            os.close(fd)


def _make(folder: Path) -> None:
    """Make a folder that can be written to. Raises CliError."""
    cure = "give a folder that you may write to by --home or SHALE_HOME"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"{folder} cannot be made ({error.strerror}): {cure}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CliError(f"{folder} cannot be written to: {cure}")
