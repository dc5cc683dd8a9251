"""Checkpoints as names, dtypes and shapes: those of well-known families, without a byte of data."""

from collections.abc import Iterator

from shale.weights import safetensors
from shale.weights.dtypes import bytes_of
from shale.weights.safetensors import Header, Tensor


def tensor(name: str, *shape: int, dtype: str = "BF16") -> Tensor:
    """Return a tensor that lies nowhere yet. ValueError: what is wrong with its dtype or shape."""
    size = bytes_of(dtype, shape)
    if isinstance(size, str):
        raise ValueError(size)  # noqa: TRY004 - what is wrong is told as a text
    return Tensor(name, dtype, shape, 0, size)


def header(tensors: list[Tensor]) -> Header:
    """Return the header of a file that holds these tensors as the reference lays them out, saved by PyTorch."""
    laid = safetensors.arrange(tensors)
    return Header(laid, {"format": "pt"}, len(safetensors.write(laid, {"format": "pt"})))


def llama(blocks: int, width: int, wide: int, keys: int, words: int = 32000) -> Iterator[Tensor]:
    """Yield the tensors of a Llama: 32, 4096, 11008, 4096 is the 7B of it, 80, 8192, 28672, 1024 the 70B."""
    yield tensor("model.embed_tokens.weight", words, width)
    yield tensor("model.norm.weight", width)
    yield tensor("lm_head.weight", words, width)
    yield from decoder("model.layers", blocks, width, wide, keys)


def decoder(stack: str, blocks: int, width: int, wide: int, keys: int) -> Iterator[Tensor]:
    """Yield the blocks of a Llama."""
    for block in range(blocks):
        at = f"{stack}.{block}"
        for name, rows, columns in (
            ("self_attn.q_proj", width, width),
            ("self_attn.k_proj", keys, width),
            ("self_attn.v_proj", keys, width),
            ("self_attn.o_proj", width, width),
            ("mlp.gate_proj", wide, width),
            ("mlp.up_proj", wide, width),
            ("mlp.down_proj", width, wide),
        ):
            yield tensor(f"{at}.{name}.weight", rows, columns)
        yield tensor(f"{at}.input_layernorm.weight", width)
        yield tensor(f"{at}.post_attention_layernorm.weight", width)


def neox(blocks: int = 44, width: int = 6144) -> Iterator[Tensor]:
    """Yield the tensors of GPT-NeoX-20B."""
    yield tensor("gpt_neox.embed_in.weight", 50432, width, dtype="F16")
    yield tensor("embed_out.weight", 50432, width, dtype="F16")
    for block in range(blocks):
        at = f"gpt_neox.layers.{block}"
        for name, rows, columns in (
            ("attention.query_key_value", 3 * width, width),
            ("attention.dense", width, width),
            ("mlp.dense_h_to_4h", 4 * width, width),
            ("mlp.dense_4h_to_h", width, 4 * width),
        ):
            yield tensor(f"{at}.{name}.weight", rows, columns, dtype="F16")
            yield tensor(f"{at}.{name}.bias", rows, dtype="F16")
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield tensor(f"{at}.{name}.weight", width, dtype="F16")
            yield tensor(f"{at}.{name}.bias", width, dtype="F16")
        yield tensor(f"{at}.attention.rotary_emb.inv_freq", 12, dtype="F32")


def mixtral(blocks: int = 32, width: int = 4096, wide: int = 14336, experts: int = 8) -> Iterator[Tensor]:
    """Yield the tensors of Mixtral-8x7B."""
    yield tensor("model.embed_tokens.weight", 32000, width)
    yield tensor("model.norm.weight", width)
    yield tensor("lm_head.weight", 32000, width)
    for block in range(blocks):
        at = f"model.layers.{block}"
        for name, rows in (("q_proj", width), ("k_proj", 1024), ("v_proj", 1024), ("o_proj", width)):
            yield tensor(f"{at}.self_attn.{name}.weight", rows, width)
        yield tensor(f"{at}.block_sparse_moe.gate.weight", experts, width)
        for expert in range(experts):
            inside = f"{at}.block_sparse_moe.experts.{expert}"
            yield tensor(f"{inside}.w1.weight", wide, width)
            yield tensor(f"{inside}.w2.weight", width, wide)
            yield tensor(f"{inside}.w3.weight", wide, width)
        yield tensor(f"{at}.input_layernorm.weight", width)
        yield tensor(f"{at}.post_attention_layernorm.weight", width)


def _scaled(name: str, rows: int, columns: int) -> Iterator[Tensor]:
    """Yield an FP8 matrix and the scales of its 128 x 128 tiles."""
    yield tensor(f"{name}.weight", rows, columns, dtype="F8_E4M3")
    yield tensor(f"{name}.weight_scale_inv", -(-rows // 128), -(-columns // 128), dtype="F32")


def deepseek(blocks: int = 61, experts: int = 256, width: int = 7168) -> Iterator[Tensor]:
    """Yield the tensors of DeepSeek-V3 (without the module that predicts a second token): FP8, the first 3 dense."""
    yield tensor("model.embed_tokens.weight", 129280, width)
    yield tensor("model.norm.weight", width)
    yield tensor("lm_head.weight", 129280, width)
    for block in range(blocks):
        at = f"model.layers.{block}"
        yield from _scaled(f"{at}.self_attn.q_a_proj", 1536, width)
        yield from _scaled(f"{at}.self_attn.q_b_proj", 24576, 1536)
        yield from _scaled(f"{at}.self_attn.kv_a_proj_with_mqa", 576, width)
        yield from _scaled(f"{at}.self_attn.kv_b_proj", 32768, 512)
        yield from _scaled(f"{at}.self_attn.o_proj", width, 16384)
        yield tensor(f"{at}.self_attn.q_a_layernorm.weight", 1536)
        yield tensor(f"{at}.self_attn.kv_a_layernorm.weight", 512)
        yield tensor(f"{at}.input_layernorm.weight", width)
        yield tensor(f"{at}.post_attention_layernorm.weight", width)
        if block < 3:  # noqa: PLR2004 - as its config says: first_k_dense_replace
            yield from _feed(f"{at}.mlp", 18432, width)
            continue
        yield tensor(f"{at}.mlp.gate.weight", experts, width)
        yield tensor(f"{at}.mlp.gate.e_score_correction_bias", experts, dtype="F32")
        yield from _feed(f"{at}.mlp.shared_experts", 2048, width)
        for expert in range(experts):
            yield from _feed(f"{at}.mlp.experts.{expert}", 2048, width)


def _feed(at: str, wide: int, width: int) -> Iterator[Tensor]:
    yield from _scaled(f"{at}.gate_proj", wide, width)
    yield from _scaled(f"{at}.up_proj", wide, width)
    yield from _scaled(f"{at}.down_proj", width, wide)


def t5(blocks: int = 24, width: int = 1024, wide: int = 2816) -> Iterator[Tensor]:
    """Yield the tensors of T5-v1.1-large: an encoder and a decoder."""
    yield tensor("shared.weight", 32128, width, dtype="F32")
    yield tensor("lm_head.weight", 32128, width, dtype="F32")
    for stack, layers in (("encoder", ("SelfAttention",)), ("decoder", ("SelfAttention", "EncDecAttention"))):
        yield tensor(f"{stack}.final_layer_norm.weight", width, dtype="F32")
        for block in range(blocks):
            at = f"{stack}.block.{block}.layer"
            for layer, name in enumerate(layers):
                for part in "qkvo":
                    yield tensor(f"{at}.{layer}.{name}.{part}.weight", width, width, dtype="F32")
                yield tensor(f"{at}.{layer}.layer_norm.weight", width, dtype="F32")
            yield tensor(f"{at}.{len(layers)}.DenseReluDense.wi_0.weight", wide, width, dtype="F32")
            yield tensor(f"{at}.{len(layers)}.DenseReluDense.wi_1.weight", wide, width, dtype="F32")
            yield tensor(f"{at}.{len(layers)}.DenseReluDense.wo.weight", width, wide, dtype="F32")
            yield tensor(f"{at}.{len(layers)}.layer_norm.weight", width, dtype="F32")


def llava(blocks: int = 32) -> Iterator[Tensor]:
    """Yield the tensors of LLaVA-1.5-7B: a CLIP that sees, a projector, a Llama that speaks."""
    for block in range(24):
        at = f"vision_tower.vision_model.encoder.layers.{block}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield tensor(f"{at}.self_attn.{name}.weight", 1024, 1024)
            yield tensor(f"{at}.self_attn.{name}.bias", 1024)
        yield tensor(f"{at}.mlp.fc1.weight", 4096, 1024)
        yield tensor(f"{at}.mlp.fc2.weight", 1024, 4096)
        yield tensor(f"{at}.layer_norm1.weight", 1024)
        yield tensor(f"{at}.layer_norm2.weight", 1024)
    yield tensor("vision_tower.vision_model.embeddings.patch_embedding.weight", 1024, 3, 14, 14)
    yield tensor("multi_modal_projector.linear_1.weight", 4096, 1024)
    yield tensor("multi_modal_projector.linear_2.weight", 4096, 4096)
    yield tensor("language_model.model.embed_tokens.weight", 32064, 4096)
    yield tensor("language_model.lm_head.weight", 32064, 4096)
    yield from decoder("language_model.model.layers", blocks, 4096, 11008, 4096)


def nameless(count: int = 400) -> Iterator[Tensor]:
    """Yield tensors whose names follow no known way."""
    for number in range(count):
        yield tensor(f"w{number * 7919 % 10007:05}x", 1024 * (1 + number % 5), 4096)
