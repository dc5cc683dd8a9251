"""The one simulated kubelet: it schedules, mounts, runs, probes and ends the Pods of a real API server, as processes.

No machine of ours runs a real one. A Pod has an address of its own on loopback (127.64.0.0/10), so that any number of
them listen on one port; a volume is a folder, and a container's mount paths and variables are put into its command.
What a container's isolation would do (users, read-only mounts, limits) is not simulated.
"""

from shale.testkit.kubelet.agent import Kubelet
from shale.testkit.kubelet.machine import Image, Machine, Node
from shale.testkit.kubelet.proxy import Proxy

__all__ = ["Image", "Kubelet", "Machine", "Node", "Proxy"]
