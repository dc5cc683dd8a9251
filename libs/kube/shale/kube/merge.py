"""Server-side apply on trees: each manager owns the leaves it applied. Pure.

Lists are leaves (every list of a spec is atomic), and so are empty maps. Applying is forced: who applies another value
owns the leaf.
"""

from collections.abc import Iterable, Mapping

from shale.kube.record import Path, Tree

Leaves = dict[Path, object]
Managers = Mapping[str, tuple[Path, ...]]


def apply(tree: Tree, managers: Managers, manager: str, applied: Tree) -> tuple[Tree, dict[str, tuple[Path, ...]]]:
    """Return the tree as `manager` wants it and who owns which leaf from now on.

    What `manager` applied before, no longer applies and nobody else owns is taken out.
    """
    old, wanted = leaves(tree), leaves(applied)
    theirs = {who: paths for who, paths in managers.items() if who != manager}
    owned = {path for paths in theirs.values() for path in paths}
    dropped = set(managers.get(manager, ())) - wanted.keys() - owned
    kept = {path: value for path, value in old.items() if path not in dropped and not _hidden(path, wanted)}
    merged = {**kept, **wanted}
    keeping = {who: tuple(path for path in paths if _same(path, old, merged)) for who, paths in theirs.items()}
    return build(merged), {**{who: paths for who, paths in keeping.items() if paths}, manager: tuple(wanted)}


def leaves(tree: Tree, at: Path = ()) -> Leaves:
    """Return every leaf of a tree by its path."""
    found: Leaves = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, (*at, key))  # pyright: ignore[reportUnknownArgumentType] (a tree below a tree)
        else:
            found[(*at, key)] = value
    return found


def build(found: Leaves) -> Tree:
    """Return the tree that has exactly these leaves."""
    tree: Tree = {}
    for path, value in found.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    return tree


def _hidden(path: Path, wanted: Iterable[Path]) -> bool:
    """Say whether a leaf cannot stand beside a wanted one: one would lie inside the other."""
    return any(path[: len(other)] == other[: len(path)] for other in wanted if other != path)


def _same(path: Path, old: Leaves, new: Leaves) -> bool:
    return path in old and path in new and old[path] == new[path]
