"""The life of one Pod: a node, its volumes, its images, its containers, its end."""

import asyncio
from pathlib import Path
from typing import Any

from shale.kube.client import Client
from shale.kube.connection import Connection
from shale.testkit.kubelet import status
from shale.testkit.kubelet.container import Container, now
from shale.testkit.kubelet.machine import Machine, Node, NoMountError, address, fits
from shale.testkit.kubelet.mounting import TURN, Mounting, patiently
from shale.testkit.kubelet.status import Waiting

Tree = dict[str, Any]

LONGEST = 5.0
"""Seconds before a container that ended is started again, at most: a kubelet's are 300."""


class PodLife:
    """One Pod. `tell` says how it stands on the API server; what becomes of it is told there, as its status."""

    def __init__(self, connection: Connection, client: Client, machine: Machine, pod: Tree) -> None:
        self._connection, self._client, self._machine, self.pod = connection, client, machine, pod
        self.ip = address()
        self.ready = False
        self.containers: list[Container] = []
        self._folder = machine.scratch / pod["metadata"]["uid"]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._mounting = Mounting(client, machine, self._folder, pod["metadata"]["namespace"])
        self._said: Tree = {}
        self._complaint = ""
        self._ends = asyncio.Event()
        self._mounts: dict[str, Path] = {}
        self._started = now()

    def tell(self, pod: Tree | None) -> None:
        """Hear how the Pod stands; None: it is gone."""
        if pod is not None:
            self.pod = pod
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            self._ends.set()

    async def live(self) -> None:
        """Run it until it is deleted, then end it and let it go."""
        if self.pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            await self._ends.wait()
            return await self._let_go()
        life = asyncio.ensure_future(self._run())
        ends = asyncio.ensure_future(self._ends.wait())
        try:
            await asyncio.wait([life, ends], return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                life.result()
            await ends
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            grace = self.pod["metadata"].get("deletionGracePeriodSeconds") or 0
            await asyncio.gather(*(one.stop(float(grace)) for one in self.containers))
            return await self._let_go()
        finally:
            for task in (life, ends):
                task.cancel()
            await asyncio.gather(*(one.kill() for one in self.containers))

    async def _run(self) -> None:
        node = await self._scheduled()
        self._mounts = await self._mounted(node)
        made = [await self._pulled(spec) for spec in self.pod["spec"]["containers"]]
        self.containers = made
        for one in made:
            await one.start(self._mounts_of(one), self.pod)
        await self._status("Running")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probing(made))
            for one in made:
                group.create_task(self._kept(one))

    async def _scheduled(self) -> Node:
        """Choose the first node that all volumes are on. A node that was chosen before is kept."""
        while True:
            chosen = self.pod["spec"].get("nodeName")
            volumes = [one for one in [await self._mounting.volume(name) for name in self._claims()] if one is not None]
            for node in self._machine.nodes:
                if node.name == chosen or (not chosen and all(fits(volume, node) for volume in volumes)):
                    await self._bind(node)
                    return node
            names = ", ".join(node.name for node in self._machine.nodes)
            why = f"0/{len(self._machine.nodes)} nodes are available: volume node affinity conflict ({names})"
            await self._say(status.unscheduled(why))
            await asyncio.sleep(TURN)

    async def _bind(self, node: Node) -> None:
        if self.pod["spec"].get("nodeName"):
            return
        path = f"{self._path}/binding"
        target = {"apiVersion": "v1", "kind": "Node", "name": node.name}
        meta = {key: self.pod["metadata"][key] for key in ("name", "namespace", "uid")}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
        await patiently(lambda: self._connection.ask("POST", path, body=body))

    async def _mounted(self, node: Node) -> dict[str, Path]:
        """Find the folder of every volume; what cannot be mounted is an Event, and is tried again."""
        await self._status("Pending", waiting="ContainerCreating")
        while True:
            try:
                return {
                    one["name"]: await self._mounting.mount(one, node) for one in self.pod["spec"].get("volumes", ())
                }
            except NoMountError as error:
                await self._event("FailedMount", f"MountVolume.SetUp failed: {error}")
                await asyncio.sleep(TURN)

    async def _pulled(self, spec: Tree) -> Container:
        while (image := self._machine.images.get(spec["image"])) is None:
            await self._status("Pending", waiting="ErrImagePull", message=f"image {spec['image']}: not found")
            await asyncio.sleep(TURN)
        return Container(spec, image, self._folder, self.ip)

    async def _kept(self, one: Container) -> None:
        """See a container to its end, and start it again when its Pod wants that."""
        policy, delay = self.pod["spec"].get("restartPolicy", "Always"), TURN
        while True:
            code = await one.wait()
            again = policy == "Always" or (policy == "OnFailure" and code)
            if not again:
                return await self._over()
            await self._status("Running", waiting="CrashLoopBackOff")
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST)
            one.restarts += 1
            await one.start(self._mounts_of(one), self.pod)
            await self._status("Running")

    async def _over(self) -> None:
        """Say how it ended, once every container has."""
        if all(one.ended is not None for one in self.containers):
            self.ready = False
            await self._status("Failed" if any(one.ended for one in self.containers) else "Succeeded")

    async def _probing(self, made: list[Container]) -> None:
        """Ask after every container that says how, until all have ended."""
        while any(one.ended is None for one in made):
            answers = [await one.probe(one.spec.get("readinessProbe") or {}) for one in made]
            if all(answers) != self.ready and all(one.ended is None for one in made):
                self.ready = all(answers)
                await self._status("Running")
            await asyncio.sleep(TURN)

    async def _status(self, phase: str, *, waiting: str = "", message: str = "") -> None:
        """Say how the Pod stands."""
        told = status.of(self.pod, phase, self.containers, Waiting(waiting, message), ready=self.ready)
        address = {"podIP": self.ip, "podIPs": [{"ip": self.ip}]} if self.containers else {}
        await self._say({**told, "startTime": self._started, **address})

    async def _say(self, said: Tree) -> None:
        if said == self._said:
            return
        meta = {"name": self.pod["metadata"]["name"], "namespace": self._namespace}
        tree = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": said}
        await patiently(lambda: self._client.apply(tree, subresource="status"))
        self._said = said

    async def _event(self, reason: str, message: str) -> None:
        """Say why, once for every new reason."""
        if message == self._complaint:
            return
        about = {
            "apiVersion": "v1",
            "kind": "Pod",
            **{key: self.pod["metadata"][key] for key in ("name", "namespace", "uid")},
        }
        event = {"reason": reason, "message": message, "type": "Warning", "involvedObject": about, "count": 1}
        stamps = {"firstTimestamp": now(), "lastTimestamp": now(), "source": {"component": "kubelet"}}
        meta = {"generateName": f"{about['name']}.", "namespace": self._namespace}
        await patiently(
            lambda: self._client.create({"apiVersion": "v1", "kind": "Event", "metadata": meta, **event, **stamps})
        )
        self._complaint = message

    async def _let_go(self) -> None:
        """Take the Pod from the API server: its processes are over."""
        same = {"uid": self.pod["metadata"]["uid"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": same}
        await patiently(lambda: self._connection.ask("DELETE", self._path, body=body))

    def _claims(self) -> list[str]:
        volumes = [one.get("persistentVolumeClaim") for one in self.pod["spec"].get("volumes", ())]
        return [str(one["claimName"]) for one in volumes if one]

    def _mounts_of(self, one: Container) -> dict[str, Path]:
        mounts: list[Tree] = one.spec.get("volumeMounts", [])
        return {str(m["mountPath"]): self._mounts[m["name"]] / m.get("subPath", "") for m in mounts}

    @property
    def _namespace(self) -> str:
        return str(self.pod["metadata"]["namespace"])

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods/{self.pod['metadata']['name']}"
