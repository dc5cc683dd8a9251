"""Weights for benches: a llama's tensors as sharded bf16 safetensors, the same bytes on every machine.

Signs and exponents are those of a gaussian (sigma 0.02), mantissas are uniform: such weights compress like trained ones
at best, and no two tensors share a byte. Every tensor has its own seed, of its name and its version: another version of
some of them is a fine-tune of these, wherever they lie.
"""

import hashlib
import json
import math
import os
import random
import shutil
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist

import msgspec

SIGMA = 0.02
BLOCKS = 20
SHARDS = 4
PIECE = 4 << 20
"""Values that are drawn at a time."""
ALONE = 64 << 20
"""Bytes below which other processes are not worth their start."""
CONFIG = {"architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16", "num_hidden_layers": BLOCKS}
TOKENIZER = 4_880_000
"""Bytes of the tokenizer's file: text, as such files are."""


class Tensor(msgspec.Struct, frozen=True):
    """One tensor of the model."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return its bytes."""
        return 2 * math.prod(self.shape)


def llama(size: int, blocks: int = BLOCKS) -> tuple[Tensor, ...]:
    """Return the tensors of a model of about so many bytes, in the order of such checkpoints."""
    hidden = max(16, round(math.sqrt(size / 2 / (10.75 * blocks + 16)) / 16) * 16)
    kv, inner, words = hidden // 4, hidden * 11 // 4, hidden * 8
    shapes = {
        "input_layernorm": (hidden,),
        "mlp.down_proj": (hidden, inner),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "post_attention_layernorm": (hidden,),
        "self_attn.k_proj": (kv, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.v_proj": (kv, hidden),
    }
    inside = [
        Tensor(f"model.layers.{block}.{kind}.weight", shape)
        for block in range(blocks)
        for kind, shape in shapes.items()
    ]
    ends = Tensor("model.norm.weight", (hidden,)), Tensor("lm_head.weight", (words, hidden))
    return (Tensor("model.embed_tokens.weight", (words, hidden)), *inside, *ends)


def of_kind(tensors: Sequence[Tensor], kind: str) -> list[str]:
    """Return the names of one module kind in all blocks, such as `mlp.down_proj`."""
    return [one.name for one in tensors if one.name.endswith(f".{kind}.weight")]


def of_last_blocks(tensors: Sequence[Tensor], blocks: int = BLOCKS) -> list[str]:
    """Return the names of all that lies in the last quarter of the blocks."""
    last = {f"model.layers.{block}." for block in range(blocks - blocks // 4, blocks)}
    return [one.name for one in tensors if any(one.name.startswith(prefix) for prefix in last)]


def scattered(tensors: Sequence[Tensor], every: int = 10) -> list[str]:
    """Return the names of one tensor in `every`, drawn once for all."""
    drawn = random.Random("scattered")  # noqa: S311 (drawn for a bench)
    return sorted(drawn.sample([one.name for one in tensors], max(1, len(tensors) // every)))


def of_shard(tensors: Sequence[Tensor], number: int, shards: int = SHARDS) -> list[str]:
    """Return the names of what lies in one shard, counted from 0."""
    return [one.name for one in sharded(tensors, shards)[number]]


def size_of(tensors: Sequence[Tensor], names: Sequence[str]) -> int:
    """Return the bytes of the tensors with these names."""
    wanted = set(names)
    return sum(one.size for one in tensors if one.name in wanted)


def sharded(tensors: Sequence[Tensor], shards: int = SHARDS) -> list[list[Tensor]]:
    """Return the tensors in so many shards of about the same size, in their order."""
    total, done, found = sum(one.size for one in tensors), 0, [list[Tensor]() for _ in range(shards)]
    for one in tensors:
        found[min(shards - 1, (done + one.size // 2) * shards // total)].append(one)
        done += one.size
    return found


def shard_name(number: int, shards: int) -> str:
    """Return a shard's file name, counted from 0."""
    return f"model-{number + 1:05}-of-{shards:05}.safetensors"


def write(
    folder: Path,
    tensors: Sequence[Tensor],
    changed: Sequence[str] = (),
    *,
    like: Path | None = None,
    shards: int = SHARDS,
) -> None:
    """Write a checkpoint with its index and its small files; tensors that `changed` are of a second version.

    With `like`, a checkpoint of the same tensors with nothing changed, only what changed is drawn, and files in which
    nothing did are links to it.
    """
    folder.mkdir(parents=True)
    pieces: list[tuple[Path, int, int, int]] = []
    placed: dict[str, str] = {}
    for number, held in enumerate(sharded(tensors, shards)):
        path = folder / shard_name(number, shards)
        drawn = [one for one in held if like is None or one.name in set(changed)]
        start = header(held)
        _begin(path, start, len(start) + sum(one.size for one in held), like, linked=not drawn)
        offset = len(start)
        for one in held:
            if one in drawn:
                pieces.append((path, offset, seed_of(one.name, 2 if one.name in changed else 1), one.size // 2))
            offset += one.size
            placed[one.name] = path.name
    _draw_all(pieces)
    total = sum(one.size for one in tensors)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(placed.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2))
    (folder / "tokenizer.json").write_bytes(_text(TOKENIZER))


def _begin(path: Path, start: bytes, size: int, like: Path | None, *, linked: bool) -> None:
    """Lay a file out: a header and room, or what another checkpoint has there."""
    if like is None:
        path.write_bytes(start)
        os.truncate(path, size)
    elif linked:
        path.hardlink_to(like / path.name)
    else:
        shutil.copyfile(like / path.name, path)


def header(tensors: Sequence[Tensor]) -> bytes:
    """Return the head of a safetensors file that holds these tensors in this order."""
    told: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for one in tensors:
        told[one.name] = {"dtype": "BF16", "shape": one.shape, "data_offsets": [at, at + one.size]}
        at += one.size
    text = json.dumps(told, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def seed_of(name: str, version: int) -> int:
    """Return the seed of one version of a tensor: no two are the same."""
    return int.from_bytes(hashlib.sha256(f"{name} {version}".encode()).digest())


def values(seed: int, count: int) -> Iterator[bytes]:
    """Yield so many bf16 values, little-endian, in pieces."""
    drawn = random.Random(seed)  # noqa: S311 (drawn for a bench)
    for at in range(0, count, PIECE):
        size = min(PIECE, count - at)
        quantiles = drawn.randbytes(size)
        mantissas = drawn.getrandbits(8 * size) & int.from_bytes(b"\x7f" * size)
        made = bytearray(2 * size)
        made[0::2] = (mantissas | int.from_bytes(quantiles.translate(_LOW))).to_bytes(size)
        made[1::2] = quantiles.translate(_HIGH)
        yield bytes(made)


def _draw_all(pieces: Sequence[tuple[Path, int, int, int]]) -> None:
    if 2 * sum(count for _, _, _, count in pieces) < ALONE:
        for piece in pieces:
            _draw(piece)
        return
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        list(pool.map(_draw, pieces, chunksize=4))


def _draw(piece: tuple[Path, int, int, int]) -> None:
    path, offset, seed, count = piece
    with path.open("r+b") as file:
        file.seek(offset)
        for block in values(seed, count):
            file.write(block)


def _text(size: int) -> bytes:
    drawn = random.Random("text")  # noqa: S311 (drawn for a bench)
    words = [drawn.randbytes(3).hex() for _ in range(4096)]
    lines = (f'"{word}{number}": {number},\n' for number in range(size) for word in (words[number % len(words)],))
    text = bytearray()
    while len(text) < size:
        text += next(lines).encode()
    return bytes(text[:size])


def _exponents() -> tuple[bytes, bytes]:
    """Return for each of 256 quantiles of the gaussian the high byte of its bf16, and the exponent's last bit."""
    high, low, gaussian = bytearray(), bytearray(), NormalDist(0, SIGMA)
    for number in range(256):
        (bits,) = struct.unpack("<I", struct.pack("<f", gaussian.inv_cdf((number + 0.5) / 256)))
        high.append(bits >> 24)
        low.append(bits >> 16 & 0x80)
    return bytes(high), bytes(low)


_HIGH, _LOW = _exponents()
