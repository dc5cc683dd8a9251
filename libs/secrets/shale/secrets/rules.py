"""What the owner of a Secret allows, as its label and its annotation say."""

import re

from shale.secrets import places
from shale.secrets.places import Place
from shale.secrets.secret import Malformed, NotGranted, Secret

USE = "shale.dev/use"
HOSTS = "shale.dev/hosts"
PREFIX = "shale.dev/"


def used(secret: Secret) -> Secret | NotGranted:
    """Return the Secret when its owner labelled it for use."""
    if secret.labels.get(USE) == "true":
        return secret
    cure = f"kubectl label secret -n {secret.namespace} {secret.name} {USE}=true"
    return NotGranted(f"{secret} is not labelled for Shale's use: {cure}")


def hosts(secret: Secret) -> tuple[Place, ...] | Malformed:
    """Return the places that the annotation names, separated by commas or spaces; none without one."""
    words = re.split(r"[,\s]+", secret.annotations.get(HOSTS, "").strip(" ,\n"))
    found = {word: places.parse(word) for word in words if word}
    wrong = [word for word, place in found.items() if place is None]
    if wrong:
        return Malformed(f"{secret}: {wrong[0]!r} in its annotation {HOSTS} is no host such as registry.example:5000")
    return tuple(place for place in found.values() if place)


def elsewhere(secret: Secret, host: str) -> NotGranted:
    """Return why what the Secret holds is not sent to a host."""
    cure = f"kubectl annotate secret -n {secret.namespace} {secret.name} --overwrite {HOSTS}={host}"
    return NotGranted(f"{secret} may not be sent to {host}, its annotation {HOSTS} does not name it: {cure}")
