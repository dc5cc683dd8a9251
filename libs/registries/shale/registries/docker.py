"""What `docker login` left on a laptop, for the person whose laptop it is."""

from pathlib import Path

from shale.contracts.errors import Transient
from shale.oci.distribution.credentials import Credential
from shale.oci.refusal import NoAccess, Refused
from shale.registries.identity import ObjectIdentities, OfObject, sent
from shale.registries.target import Target
from shale.secrets import dockerconfig
from shale.secrets.dockerconfig import Unknown, Wrong
from shale.secrets.hidden import Hidden


class OfPerson:
    """What Docker's configuration file has for a place; nobody where it has nothing, until that is refused."""

    def __init__(self, config: Path, path: str) -> None:
        self._config, self._path = config, path

    def __call__(self, host: str, *, again: bool) -> Credential | None:
        """See `Identity`: what a credential helper keeps is not here, and is missed only where nobody may not pass."""
        match dockerconfig.find(self._read(), host, self._path):
            case Wrong(why) if again:
                raise Refused(NoAccess("Unauthorized", f"{self._config}: {why}"))
            case Unknown() | Wrong() | None:
                return None
            case found:
                return sent(found)

    def shown_to(self, realm: str) -> NoAccess | None:
        """See `Identity`: to any, as Docker does it."""
        del realm

    def _read(self) -> Hidden[bytes]:
        try:
            return Hidden(self._config.read_bytes())
        except FileNotFoundError:
            return Hidden(b"{}")
        except OSError as error:
            raise Transient(f"{self._config} cannot be read: {error.strerror}") from None


class PersonIdentities:
    """Who a person is: by a Secret where the target names one, else by Docker's configuration file."""

    def __init__(self, objects: ObjectIdentities, config: Path) -> None:
        self._objects, self._config = objects, config

    def __call__(self, target: Target, host: str, path: str) -> OfPerson | OfObject | NoAccess:
        """See `registries.Identify`."""
        return self._objects(target, host, path) if target.secret else OfPerson(self._config, path)
