"""The kubelet's loop: it hears of the Pods of its namespaces, gives each a life, and says that its nodes are well."""

import asyncio
import logging
from contextlib import aclosing
from typing import Any, Self

from shale.contracts.errors import Transient
from shale.kube.client import Client
from shale.kube.connection import Connection
from shale.kube.gvk import Gvk
from shale.kube.resources import Expired, Missing
from shale.testkit.kubelet.container import now
from shale.testkit.kubelet.machine import Machine, Node
from shale.testkit.kubelet.pod import PodLife

Tree = dict[str, Any]

POD, NODE = Gvk("v1", "Pod"), Gvk("v1", "Node")
BEAT = 10.0
"""Seconds between two words of a node: after 40 without one a cluster takes it for dead."""
AGAIN = 0.3

log = logging.getLogger("shale.testkit.kubelet")


class Kubelet:
    """Runs the Pods of some namespaces while it is entered; two of them never share a namespace or a node."""

    def __init__(self, connection: Connection, machine: Machine, *namespaces: str) -> None:
        self._connection, self._machine, self._namespaces = connection, machine, namespaces
        self._client = Client(connection, "kubelet")
        self._lives: dict[str, PodLife] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []

    @property
    def pods(self) -> tuple[PodLife, ...]:
        """All Pods that live here."""
        return tuple(self._lives.values())

    async def __aenter__(self) -> Self:
        for node in self._machine.nodes:
            await self._register(node)
        self._loops = [asyncio.create_task(self._follow(one)) for one in self._namespaces]
        self._loops.append(asyncio.create_task(self._beat()))
        return self

    async def __aexit__(self, *_: object) -> None:
        ending = [*self._loops, *self._tasks.values()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for node in self._machine.nodes:
            await self._client.delete(NODE, "", node.name)

    async def get(self, gvk: Gvk, namespace: str, name: str) -> Tree | Missing:
        """Return an object of the cluster."""
        return await self._client.get(gvk, namespace, name)

    def logs(self) -> str:
        """Return what every container wrote, for a person."""
        found = sorted(self._machine.scratch.glob("*/*.log"))
        return "\n".join(f"--- {path.parent.name} {path.name}\n{path.read_text(errors='replace')}" for path in found)

    async def _follow(self, namespace: str) -> None:
        """Hear of every Pod, for ever."""
        while True:
            try:
                listed = await self._client.list(POD, namespace)
                there = {pod["metadata"]["uid"] for pod in listed.items}
                for uid, life in list(self._lives.items()):
                    if life.pod["metadata"]["namespace"] == namespace and uid not in there:
                        life.tell(None)
                for pod in listed.items:
                    self._hear(pod, gone=False)
                async with aclosing(self._client.watch(POD, listed.resource_version, namespace)) as watch:
                    async for seen in watch:
                        if isinstance(seen, Expired):
                            break
                        self._hear(seen.tree, gone=seen.deleted)
            except Transient:
                pass
            await asyncio.sleep(AGAIN)

    def _hear(self, pod: Tree, *, gone: bool) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._lives:
            return self._lives[uid].tell(None if gone else pod)
        if gone:
            return None
        life = self._lives[uid] = PodLife(self._connection, self._client, self._machine, pod)
        life.tell(pod)
        self._tasks[uid] = asyncio.create_task(self._live(uid, life))
        return None

    async def _live(self, uid: str, life: PodLife) -> None:
        try:
            await life.live()
        except Exception:
            log.exception("a Pod's life ended")
            raise
        finally:
            self._lives.pop(uid, None)
            self._tasks.pop(uid, None)

    async def _register(self, node: Node) -> None:
        await self._client.apply(_node(node))
        await self._well(node)

    async def _well(self, node: Node) -> None:
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now()}
        room = {"cpu": "64", "memory": "64Gi", "pods": "500"}
        status = {"conditions": [ready], "capacity": room, "allocatable": room}
        await self._client.apply({**_node(node), "status": status}, subresource="status")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            for node in self._machine.nodes:
                try:
                    await self._well(node)
                except Transient:
                    continue


def _node(node: Node) -> Tree:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name, "labels": node.labels}}
