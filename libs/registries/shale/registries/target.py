"""Where a job pushes to or pulls from, in the words of the object that it is for."""

import msgspec

from shale.contracts.resources import Registry


class Target(msgspec.Struct, frozen=True):
    """A repository; the object's namespace and the Secret that it names there (or none); how it speaks to the host."""

    repo: str
    namespace: str = ""
    secret: str = ""
    registry: Registry = Registry()
