"""The one error that crosses a door."""


class Transient(Exception):
    """What a door raises when it failed in a way that passes by itself.

    The message is one line and names what and where.

    The adapter knows which foreign errors pass; everything else that it raises is a bug or a refusal. `after` is how
    long the other side asked us to wait, in seconds, when it said so (`Retry-After`).
    """

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
