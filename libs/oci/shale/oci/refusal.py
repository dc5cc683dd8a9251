"""What keeps us out of a registry until someone acts, as a value and as what ends a work that meets it half-way."""

import msgspec

from shale.contracts.errors import Transient


class NoAccess(msgspec.Struct, frozen=True):
    """Nothing passes here until someone acts; `message` names the cure.

    `reason` is a condition's: RepositoryNotFound, Unauthorized, Denied, Untrusted, NoRegistry, TooManyTags, what is
    wrong with a Secret (SecretNotFound...), or with a disk (DiskFull...).
    """

    reason: str
    message: str


class Refused(Transient):
    """A refusal that a work met half-way: transient, for the next try begins with `check`."""

    def __init__(self, why: NoAccess) -> None:
        super().__init__(why.message)
        self.why = why
