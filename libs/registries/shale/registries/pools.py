"""Connections to registries, kept over jobs.

They are told apart by whom we believe, and nothing else: no credential is ever part of a connection, for each request
carries its own. So one tenant's CA, or another's `insecure`, opens no door for a third, and a login dies with its job.
"""

from collections import OrderedDict
from threading import Lock

from shale.oci.distribution.patience import Patience
from shale.oci.distribution.transport import Transport, Trust

MOST = 16
"""Kinds of trust with open connections: beyond these the one that rests longest begins anew."""


class Pools:
    """At most `MOST` of them. Used by many threads."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._held: OrderedDict[Trust, Transport] = OrderedDict()
        self._lock = Lock()

    def of(self, trust: Trust) -> Transport:
        """Return the connections to whoever is believed so. ValueError (ssl's too) when its CA cannot be read."""
        with self._lock:
            if trust not in self._held:
                self._held[trust] = Transport(trust, self._patience)
            self._held.move_to_end(trust)
            if len(self._held) > MOST:
                _, rested = self._held.popitem(last=False)
                rested.close()  # what is in use is closed when it is given back
            return self._held[trust]
