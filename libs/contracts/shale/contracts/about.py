"""Who a message is about: one object of one kind, at one generation of its spec."""

import msgspec


class About(msgspec.Struct, frozen=True, rename="camel"):
    """One object at one generation.

    `kind` is lower case and singular (`modelversion`), `uid` the API server's, `generation` counts changes of the spec
    from 1. Generation 0 speaks of the object as a whole, whatever its spec says: only `Held` and `Released` use it.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int

    def at(self, generation: int) -> "About":
        """Return the same object at another generation."""
        return msgspec.structs.replace(self, generation=generation)

    def whole(self) -> "About":
        """Return the object as a whole: what is held by it and released outlives every generation."""
        return self.at(0)

    @property
    def retry(self) -> str:
        """The command that asks for a new attempt: the cure of what was refused and is mended since."""
        return f"shale retry {self.kind}/{self.name} -n {self.namespace}"

    def __str__(self) -> str:
        """Return `modelversion team-a/mv-3 (generation 1)`, as a person names it."""
        return f"{self.kind} {self.namespace}/{self.name} (generation {self.generation})"
