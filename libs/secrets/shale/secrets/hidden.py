"""A value that does not show itself: in no repr, log line, message, encoding, pickle or traceback with its locals."""

from typing import Generic, NoReturn, TypeVar, cast

T = TypeVar("T", str, bytes)


class Hidden(Generic[T]):
    """Holds a secret; whoever needs it says so with `reveal`, at the last moment and into no variable.

    msgspec refuses to encode it (TypeError), as it does with every type that it does not know.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Hidden(***)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self._value == cast("Hidden[T]", other).reveal()

    def __hash__(self) -> int:
        return hash(Hidden)  # of all the same: a hash would tell secrets apart

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a hidden value is neither pickled nor copied")
