"""What may become of a source's file while it is read."""

from pathlib import Path


def grown(path: Path) -> None:
    """Write behind its end."""
    with path.open("ab") as file:
        file.write(b"more")


def replaced(path: Path) -> None:
    """Put another one of its size in its place."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(bytes(path.stat().st_size))
    fresh.replace(path)


def rewritten(path: Path) -> None:
    """Change its last byte, and nothing of its size."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 1)
        file.write(b"!")
