"""A disk that takes no more, played by the kernel."""

import resource
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def no_more_than(size: int) -> Generator[None]:
    """Let the kernel refuse writes beyond `size`, as a full disk does, though it says EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
