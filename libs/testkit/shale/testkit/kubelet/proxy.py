"""What a cluster's network is to who stands outside: CONNECT to a Service by its name, and be led to a Pod of it."""

import asyncio
from contextlib import suppress
from typing import Any, Self

from shale.contracts.errors import Transient
from shale.kube.gvk import Gvk
from shale.kube.resources import Missing
from shale.testkit.kubelet.agent import Kubelet

SERVICE = Gvk("v1", "Service")
LINE = 30.0

Tree = dict[str, Any]


class Proxy:
    """An HTTP proxy that knows CONNECT, and `<service>.<namespace>.svc` of the Pods of one kubelet."""

    def __init__(self, kubelet: Kubelet, port: int = 0) -> None:
        self._kubelet, self._port = kubelet, port
        self._server: asyncio.Server | None = None
        self.address = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LINE)
            there = await self._place(head.split()[1].decode())
            if there is None:
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
                return
            far_reader, far_writer = await asyncio.open_connection(*there)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, Transient, IndexError):
            pass  # who asked sees that the line is cut
        finally:
            writer.close()

    async def _place(self, target: str) -> tuple[str, int] | None:
        """Return the address of a Pod behind a Service, and the port there."""
        host, _, port = target.rpartition(":")
        name, _, rest = host.partition(".")
        namespace = rest.partition(".")[0]
        found = await self._kubelet.get(SERVICE, namespace, name)
        if isinstance(found, Missing):
            return None
        spec = found["spec"]
        ports = {int(one["port"]): int(one.get("targetPort", one["port"])) for one in spec["ports"]}
        for life in self._kubelet.pods:
            labels = life.pod["metadata"].get("labels", {})
            mine = life.pod["metadata"]["namespace"] == namespace and spec["selector"].items() <= labels.items()
            if mine and life.containers and (life.ready or spec.get("publishNotReadyAddresses")):
                return life.ip, ports[int(port)]
        return None


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()
