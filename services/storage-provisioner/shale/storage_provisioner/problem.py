"""Why weights cannot be read just now, or never will be."""

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """Why the weights cannot be read just now; the message names the cure."""

    reason: str
    message: str
    passes: bool = True
    """It may be mended without a word to us, so it is looked at again and again."""


class Unusable(msgspec.Struct, frozen=True):
    """What no change outside the spec can mend."""

    reason: str
    message: str
