"""Sets of words that grow: closed in the schema of an object, open in the facts that carry it.

An older reader must decode a newer word: what it cannot decode it buries, and a fact would be deleted for it.
"""

import msgspec


def words(*known: str) -> msgspec.Meta:
    """Return the mark of a string of which these words are known: `structural` prints them as an enum."""
    return msgspec.Meta(extra={"enum": known})
