"""The pool's key: a file that a Secret of the pool is mounted as; it is read once and shown nowhere."""

from pathlib import Path

from shale.sources.reader import wire


def read(path: Path, setting: str) -> bytes:
    """Return the key in a file. Raises ValueError that names the setting, and never what is in the file."""
    try:
        key = path.read_bytes().strip() if path != Path() else b""
    except OSError as error:
        raise ValueError(f"{setting}={path}: {error.strerror}") from error
    if len(key) < wire.KEY_BYTES:
        cure = "make one: head -c 32 /dev/urandom | base64"
        raise ValueError(f"{setting}={path} holds {len(key)} bytes, of {wire.KEY_BYTES} at least: {cure}")
    return key
