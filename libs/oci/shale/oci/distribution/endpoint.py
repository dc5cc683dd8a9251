"""Where a registry answers: https, and on this machine or where it is insecure whichever it speaks."""

from shale.contracts.errors import Transient
from shale.oci.distribution import origin
from shale.oci.distribution.answer import EndlessError, whole
from shale.oci.distribution.client import SMALL
from shale.oci.distribution.transport import Lost, Request, Transport, UntrustedError

_BAD_REQUEST = 400
"""What a server of TLS answers to plain http (Go's and nginx's do; others break the connection off)."""


def find(host: str, transport: Transport, *, insecure: bool) -> str:
    """Return the base URL of a registry. Raises Transient when it does not answer, where it has to be asked.

    Docker does the same for loopback and for its insecure registries. No credential goes with the question.
    """
    if not insecure and not origin.loopback(host):
        return f"https://{host}"
    failed: Lost | None = None
    answered = ""
    for scheme in ("http", "https") if origin.loopback(host) else ("https", "http"):
        base = f"{scheme}://{host}"
        try:
            answer = whole(transport.send(Request("GET", f"{base}/v2/")), SMALL)
        except EndlessError:
            return base  # a large page: whoever begins an upload is told that this is no registry
        except UntrustedError:
            return base  # it speaks TLS: whoever calls it is told whom it does not trust
        except Lost as lost:
            failed = failed or lost
            continue
        if scheme == "https" or (answer.status != _BAD_REQUEST and not _elsewhere(answer.headers.get("Location", ""))):
            return base
        answered = base
    if answered:  # in a way that TLS might have explained, and does not
        return answered
    raise Transient(str(failed)) from failed


def _elsewhere(location: str) -> bool:
    return location.startswith("https:")
