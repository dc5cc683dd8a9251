"""What an image installs: of the workspace's pinned, hashed requirements those that one distribution needs."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shale.blueprint.pages import NOTE

OURS = "shale-"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")


class UnpinnedError(Exception):
    """A distribution that something of ours needs, and that requirements.txt does not pin: `just lock` pins it."""


def pinned(distribution: str, pins: str) -> str:
    """Return the pins of all that a distribution (`name` or `name[extra]`) needs, ours left out. Raises UnpinnedError.

    `pins` is requirements.txt; what is needed is read from what is installed here.
    """
    blocks = dict(_blocks(pins))
    wanted = sorted(name for name in needed(distribution) if not name.startswith(OURS))
    missing = [name for name in wanted if name not in blocks]
    if missing:
        raise UnpinnedError(f"{distribution} needs {', '.join(missing)}: pin it with `just lock`")
    return f"# {NOTE}\n" + "".join(blocks[name] for name in wanted)


def needed(distribution: str) -> frozenset[str]:
    """Return the names of a distribution and of all that it needs on Linux, on any machine and Python of ours."""
    waiting, seen = [Requirement(distribution)], set[tuple[str, frozenset[str]]]()
    while waiting:
        one = waiting.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key not in seen:
            seen.add(key)
            waiting += _needs(one)
    return frozenset(name for name, _ in seen)


def _needs(one: Requirement) -> Iterator[Requirement]:
    try:
        lines = requires(one.name) or []
    except (
        PackageNotFoundError
    ):  # needed on another Python than this one: its pin is taken, what it needs is pinned too
        return
    for line in lines:
        other = Requirement(line)
        if _may_hold(other, one.extras or {""}):
            yield other


def _may_hold(other: Requirement, extras: set[str]) -> bool:
    marker = other.marker
    return marker is None or any(
        marker.evaluate(
            {
                "extra": extra,
                "python_version": python,
                "python_full_version": f"{python}.0",
                "platform_machine": machine,
                "platform_system": "Linux",
                "sys_platform": "linux",
            }
        )
        for extra in ("", *extras)
        for python in PYTHONS
        for machine in MACHINES
    )


def _blocks(pins: str) -> Iterator[tuple[str, str]]:
    """Yield each pin with its hashes, as it is written, by the name of its distribution."""
    block = ""
    for line in pins.splitlines(keepends=True):
        if not line[0].isspace() and block:
            yield canonicalize_name(block.partition("==")[0].strip()), block
            block = ""
        block += line
    if block:
        yield canonicalize_name(block.partition("==")[0].strip()), block
