"""One repository of one registry: what its URLs and its tokens are made of."""

import msgspec

from shale.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.challenge import Scopes, scope
from shale.oci.distribution.client import SMALL, Client
from shale.oci.distribution.refusals import missing, no_registry, not_found, too_large
from shale.oci.distribution.transport import Request
from shale.oci.profiles import Profile
from shale.oci.refusal import Refused

GONE, LARGE = 404, 413
_DOCKER = "application/vnd.docker.distribution.manifest"
ACCEPT = f"{IMAGE_INDEX}, {IMAGE_MANIFEST}, {_DOCKER}.list.v2+json, {_DOCKER}.v2+json"
"""What is not named may be converted into what is, or seem not to be there (docker-registry 2.8.2)."""


class Repository(msgspec.Struct, frozen=True):
    """`name` is the one that people gave; `path` the one that the registry knows."""

    client: Client
    profile: Profile
    name: str
    path: str

    def url(self, rest: str) -> str:
        """Return the URL of what lies in the repository."""
        return self.client.url(f"{self.path}/{rest}")

    @property
    def pulling(self) -> Scopes:
        """What a token needs to read."""
        return scope(self.path, "pull")

    @property
    def pushing(self) -> Scopes:
        """What a token needs to write."""
        return scope(self.path, "pull", "push")

    @property
    def deleting(self) -> Scopes:
        """What a token needs to delete, as distribution asks for it."""
        return scope(self.path, "delete", "pull", "push")

    def read(self, method: str, rest: str, accept: str = "", limit: int = SMALL) -> Answer:
        """Return the answer to a GET or HEAD. Raises Transient."""
        return self._read(rest, self.client.call(self._reading(method, rest, accept), self.pulling, limit))

    def look(self, rest: str, accept: str = "") -> Answer:
        """Return the answer to a HEAD that is sent once. Raises Lost."""
        return self._read(rest, self.client.once(self._reading("HEAD", rest, accept), self.pulling))

    def _reading(self, method: str, rest: str, accept: str) -> Request:
        return Request(method, self.url(rest), {"Accept": accept} if accept else {})

    def _read(self, rest: str, answer: Answer) -> Answer:
        if answer.ok and answer.page:
            raise self.surprise(f"ask for {rest.partition('/')[0]}", answer)
        return answer

    def surprise(self, doing: str, answer: Answer) -> Exception:
        """Return the error for an answer that nobody expects: something else than a registry is there, or a bug."""
        if self.absent(answer):
            return Refused(not_found(self.name, self.profile.cure))
        if answer.status == LARGE:
            return Refused(too_large(self.client.host, doing))
        if answer.foreign:
            kind = " with a page" if answer.page else ""
            return Refused(no_registry(self.client.host, f"answers {answer.status}{kind} when we {doing}"))
        return ValueError(f"{self.client.host} answers {answer.reason()} when we {doing} in {self.name}")

    def absent(self, answer: Answer) -> bool:
        """Say whether a registry says that there is no such repository, and that a push does not make it."""
        unknown = answer.says("NAME_UNKNOWN", "NAME_INVALID") or missing(answer.reason())
        return answer.status in {400, GONE} and unknown
