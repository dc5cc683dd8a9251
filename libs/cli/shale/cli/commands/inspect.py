"""`shale inspect`: what an image is made of, as a tree; of weights only the headers of their tars are read."""

import sys

import msgspec
from rich.text import Text
from rich.tree import Tree

from shale.cli import anatomy, drawing, images, screen
from shale.cli.anatomy import Anatomy, DocumentView, LayerView
from shale.cli.common import Common
from shale.cli.exits import Exit
from shale.cli.registries import Reach, opened
from shale.contracts.amounts import amount
from shale.oci.descriptor import MODEL_MANIFEST, TENSORS

SHOWN = 12
"""Files of one layer that a tree has room for; `-o wide` and `-o json` have more."""


class Options(msgspec.Struct, frozen=True):
    """The image, and how its registry is reached."""

    image: str
    secret: str = ""
    insecure: bool = False


def run(common: Common, options: Options) -> int:
    """Look, and show."""
    reference = images.parse(options.image)
    store = opened(common, reference.repo, Reach(options.secret, options.insecure))
    found = anatomy.look(store, images.find(store, reference))
    if common.machine:
        screen.document(msgspec.to_builtins(found), common.output)
    else:
        drawing.console(sys.stdout).print(_tree(found, anatomy.MOST_FILES if common.output == "wide" else SHOWN))
    return Exit.OK


def _tree(found: Anatomy, most: int) -> Tree:
    looked = "" if found.tags == found.all_tags else f", compared with {found.tags} of {found.all_tags} tags"
    root = Tree(_line(found.image, found.digest, f"{len(found.layers)} layers, {amount(found.bytes)}{looked}"))
    names = {layer.digest: number for number, layer in enumerate(found.layers, 1)}
    if [one.digest for one in found.manifests] != [found.digest]:
        for one in found.manifests:
            _document(root, one, names)
    else:
        root.add(_line("config", found.manifests[0].config))
    for one in found.referrers:
        _document(root, one, names)
    branch = root.add("layers")
    for layer in found.layers:
        _layer(branch, names[layer.digest], layer, most)
    return root


def _document(root: Tree, one: DocumentView, names: dict[str, int]) -> None:
    names_of = {MODEL_MANIFEST: "ModelPack manifest", TENSORS: "tensor tables"}
    what = f"{names_of[one.what]} ({one.what})" if one.what in names_of else one.what
    branch = root.add(_line(what, one.digest, amount(one.size)))
    if one.config:
        branch.add(_line("config", one.config))
    if one.what == TENSORS:
        return  # each stands at its layer
    strangers = [digest for digest in one.layers if digest not in names]
    if one.layers and not strangers:
        branch.add(_line(f"layers {', '.join(str(names[digest]) for digest in one.layers)}"))
    for digest in strangers:
        branch.add(_line("layer", digest))


def _layer(root: Tree, number: int, layer: LayerView, most: int) -> None:
    shared = f"shared with {', '.join(layer.shared_with)}" if layer.shared_with else "of this image alone"
    branch = root.add(_line(f"{number}", layer.name, layer.digest, f"{amount(layer.size)}, {shared}"))
    if layer.unlisted:
        branch.add(_line(layer.unlisted))
    if layer.table:
        branch.add(_line("tensor table", layer.table))
    for entry in layer.files[:most]:
        link = f" -> {entry.link}" if entry.link else ""
        branch.add(_line(entry.mode, f"{amount(entry.size):>8}", f"{entry.path}{link}"))
    if len(layer.files) > most or layer.more:
        beyond = f"{len(layer.files) - most}" + (" and more" if layer.more else "")
        branch.add(_line(f"... {beyond} others"))


def _line(*words: str) -> Text:
    return Text("  ".join(screen.clean(word) for word in words if word))
