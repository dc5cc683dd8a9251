"""What of a manifest is its user's: one that was read, edited and applied brings along what others wrote."""

from collections.abc import Mapping
from typing import Any

from shale.contracts.resources import GROUP

_SERVERS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_OURS = f"{GROUP}/"


def users(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest without its status, the server's metadata and what Shale itself notes in it.

    Who applies a field owns it, and takes it away by leaving it out the next time: the house's notes must not be owned
    by a user, who never wrote them.
    """
    metadata = tree.get("metadata")
    said = {key: value for key, value in tree.items() if key != "status"}
    return {**said, "metadata": _metadata(metadata)} if isinstance(metadata, dict) else said  # pyright: ignore[reportUnknownArgumentType]


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key not in _SERVERS}
    if isinstance(notes := kept.get("annotations"), dict):
        kept["annotations"] = {key: value for key, value in notes.items() if not str(key).startswith(_OURS)}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(holds := kept.get("finalizers"), list):
        kept["finalizers"] = [hold for hold in holds if not str(hold).startswith(_OURS)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(owners := kept.get("ownerReferences"), list):
        kept["ownerReferences"] = [owner for owner in owners if not _is_ours(owner)]  # pyright: ignore[reportUnknownVariableType]
    return {key: value for key, value in kept.items() if value or metadata[key] == value}


def _is_ours(owner: Any) -> bool:  # noqa: ANN401 (whatever the file says)
    """Say whether an owner is one that the watcher gave: a version's model."""
    return isinstance(owner, dict) and str(owner.get("apiVersion", "")).startswith(_OURS)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
