import gc
import select
import socket
import struct

import pytest

from shale.oci.distribution.pools import Trust

AT_ONCE = struct.pack("ii", 1, 0)


def test_who_resets_before_the_handshake_leaves_no_socket_behind():
    """pytest makes an error of a socket that is collected while it is open."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        theirs.close()
        assert select.select([ours], [], [], 60)[0]
        with pytest.raises(ConnectionResetError):
            Trust().context().wrap_socket(ours, server_hostname="registry.example")
        gc.collect()
