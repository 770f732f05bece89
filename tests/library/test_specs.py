from pathlib import Path

import pytest

from app.domain.models import Basis, Capability, ModelSpec, ModelStatus, ModelType
from app.gguf.header import Tensor
from app.gguf.reader import read_header
from app.library.found import FoundFile, FoundModel, group
from app.library.specs import read_model, repacked_bytes, shape_of
from tests.support import headers, models
from tests.support.headers import ARRAY, STRING, UINT32, array, key


def found_in(folder: Path) -> list[FoundModel]:
    return group(
        FoundFile(str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.glob("*.gguf")
    )


def spec_of(path: Path) -> ModelSpec:
    status = path.stat()
    spec = read_model(
        FoundModel((FoundFile(str(path), status.st_size, status.st_mtime_ns),))
    ).spec()
    assert spec is not None
    return spec


def test_that_a_spec_says_what_the_header_says(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf", name="My Model", context=1234)
    spec = spec_of(path)
    assert spec.status is ModelStatus.AVAILABLE
    assert (spec.provider, spec.name, spec.path) == ("local", "My Model", str(path))
    assert (spec.architecture, spec.quantisation, spec.context_length) == ("llama", "F16", 1234)
    assert spec.size_bytes == path.stat().st_size
    assert spec.modified_ns == path.stat().st_mtime_ns
    # Embedding and output of 427 tokens, one norm, and two blocks.
    assert spec.parameters == 2 * 427 * 64 + 64 + 2 * (2 * 64 + 4 * 64 * 64 + 3 * 64 * 128)
    assert spec.can(Capability.CHAT)


def test_that_what_memory_follows_from_reaches_the_shape(tmp_path: Path) -> None:
    shape = spec_of(models.write_gemma(tmp_path / "a.gguf")).shape
    assert shape is not None
    assert (shape.feed_forward_length, shape.sliding_window) == (128, 256)
    assert shape.repacked_bytes == 0


def test_that_weights_laid_out_anew_are_counted_without_the_embedding(tmp_path: Path) -> None:
    header = read_header(models.write_quantised(tmp_path / "a.gguf"))
    packed = 2 * (4 + 3 * 2) * 512 * 512 * 18 // 32
    assert repacked_bytes(header.tensors) == packed
    embedding = Tensor("token_embd.weight", (512, 32), 2, 512 * 32)
    output = Tensor("output.weight", (512, 32), 14, 512 * 32)
    assert repacked_bytes([embedding, output], "x86_64") == 0
    assert repacked_bytes([embedding], "x86_64") == 512 * 18
    assert repacked_bytes([embedding, output], "arm64") == 512 * 32 // 256 * 210


def test_that_experts_that_compute_one_token_count_together(tmp_path: Path) -> None:
    keys = [
        key("general.architecture", STRING, "qwen3moe"),
        key("qwen3moe.block_count", UINT32, 2),
        key("qwen3moe.embedding_length", UINT32, 64),
        key("qwen3moe.attention.head_count", UINT32, 4),
        key("qwen3moe.feed_forward_length", UINT32, 128),
        key("qwen3moe.expert_used_count", UINT32, 8),
        key("qwen3moe.expert_feed_forward_length", UINT32, 48),
    ]
    shape = shape_of(read_header(headers.write(tmp_path / "a.gguf", keys)))
    assert shape.feed_forward_length == 8 * 48


def test_that_grouped_heads_reach_the_shape(tmp_path: Path) -> None:
    shape = spec_of(models.write_qwen2(tmp_path / "a.gguf")).shape
    assert shape is not None
    assert (shape.block_count, shape.embedding_length, shape.head_count) == (2, 64, 4)
    assert (shape.kv_heads, shape.key_length, shape.value_length) == ((2, 2), 16, 16)
    assert shape.vocabulary == 427


def test_that_layers_without_a_cache_count_no_heads(tmp_path: Path) -> None:
    keys = headers.model_keys(
        block_count=key("llama.block_count", UINT32, 4),
        head_count_kv=key("llama.attention.head_count_kv", ARRAY, array(UINT32, [4, 0, 2, 2])),
        shared=key("llama.attention.shared_kv_layers", UINT32, 1),
    )
    shape = shape_of(read_header(headers.write(tmp_path / "a.gguf", keys)))
    assert shape.kv_heads == (4, 0, 2, 0)


def test_that_recurrent_layers_between_full_ones_count_no_heads(tmp_path: Path) -> None:
    keys = headers.model_keys(
        block_count=key("llama.block_count", UINT32, 4),
        interval=key("llama.full_attention_interval", UINT32, 2),
    )
    shape = shape_of(read_header(headers.write(tmp_path / "a.gguf", keys)))
    assert shape.kv_heads == (0, 4, 0, 4)


def test_that_compressed_attention_caches_keys_alone(tmp_path: Path) -> None:
    keys = headers.model_keys(
        kv=key("llama.attention.head_count_kv", UINT32, 1),
        key_length=key("llama.attention.key_length", UINT32, 576),
        value_length=key("llama.attention.value_length", UINT32, 512),
        mla=key("llama.attention.value_length_mla", UINT32, 128),
    )
    shape = shape_of(read_header(headers.write(tmp_path / "a.gguf", keys)))
    assert (shape.kv_heads, shape.key_length, shape.value_length) == ((1, 1), 576, 0)


@pytest.mark.parametrize(
    ("given", "file", "name"),
    [
        ("  Two\nlines \x07 ", "a", "Two lines"),
        ("", "Qwen2.5-7B-Instruct-Q4_K_M", "Qwen2.5-7B-Instruct"),
        (".", "my_model.f16", "my model"),
        ("", "phi-3-IQ3_XXS-00001-of-00001", "phi-3"),
        ("", "plain", "plain"),
        ("x" * 100_000, "a", "x" * 120),
    ],
)
def test_that_names_are_clean(tmp_path: Path, given: str, file: str, name: str) -> None:
    keys = headers.model_keys(name=key("general.name", STRING, given))
    assert spec_of(headers.write(tmp_path / f"{file}.gguf", keys)).name == name


def test_that_shards_add_up(tmp_path: Path) -> None:
    paths = models.write_sharded(tmp_path / "shards")
    whole = spec_of(models.write_llama(tmp_path / "whole.gguf"))
    (found,) = found_in(tmp_path / "shards")
    spec = read_model(found).spec()
    assert spec is not None
    assert (spec.status, spec.path, spec.shards) == (ModelStatus.AVAILABLE, str(paths[0]), 3)
    assert spec.size_bytes == sum(path.stat().st_size for path in paths)
    assert spec.parameters == whole.parameters
    assert spec.shape == whole.shape


def test_that_a_model_with_a_missing_shard_is_invalid(tmp_path: Path) -> None:
    paths = models.write_sharded(tmp_path)
    paths[1].unlink()
    (found,) = found_in(tmp_path)
    spec = read_model(found).spec()
    assert spec is not None
    assert spec.status is ModelStatus.INVALID
    assert spec.reason == "Part 2 of 3 is missing (tiny-00002-of-00003.gguf)."


def test_that_a_model_without_its_first_shard_is_invalid(tmp_path: Path) -> None:
    models.write_sharded(tmp_path)[0].unlink()
    spec = read_model(found_in(tmp_path)[0]).spec()
    assert spec is not None
    assert spec.reason == "Part 1 of 3 is missing (tiny-00001-of-00003.gguf)."


def test_that_a_short_shard_is_named(tmp_path: Path) -> None:
    paths = models.write_sharded(tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:-5000])
    spec = read_model(found_in(tmp_path)[0]).spec()
    assert spec is not None
    assert spec.reason.startswith("tiny-00003-of-00003.gguf: This file ends before its tensors do")


def test_that_a_renamed_shard_is_invalid(tmp_path: Path) -> None:
    renamed = models.write_sharded(tmp_path)[0].rename(tmp_path / "model.gguf")
    spec = spec_of(renamed)
    assert spec.status is ModelStatus.INVALID
    assert "counts 3 parts and its name 1" in spec.reason


@pytest.mark.parametrize(
    "kind", ["truncated", "wrong_magic", "zero_layers", "tensor_past_end", "empty"]
)
def test_that_a_broken_file_is_listed_with_its_reason(tmp_path: Path, kind: str) -> None:
    path = models.write_broken(tmp_path)[kind]
    spec = spec_of(path)
    assert spec.status is ModelStatus.INVALID
    assert spec.reason.endswith(".")
    assert spec.fault is not None
    assert spec.path == str(path)
    assert spec.size_bytes == path.stat().st_size


def test_that_projectors_and_control_vectors_are_no_models(tmp_path: Path) -> None:
    steering = [key("general.architecture", STRING, "controlvector")]
    vector = headers.write(tmp_path / "vector.gguf", steering)
    imatrix = [*headers.model_keys(), key("general.type", STRING, "imatrix")]
    paths = (
        models.write_projector(tmp_path / "vision.gguf"),
        vector,
        headers.write(tmp_path / "imatrix.gguf", imatrix),
    )
    for path in paths:
        assert read_model(FoundModel((FoundFile(str(path), 1, 1),))).spec() is None


def test_that_an_adapter_is_listed_as_what_it_is(tmp_path: Path) -> None:
    keys = [
        key("general.architecture", STRING, "llama"),
        key("general.type", STRING, "adapter"),
        key("adapter.type", STRING, "lora"),
    ]
    tensor = headers.tensor("blk.0.attn_q.weight.lora_a", (8, 8))
    spec = spec_of(headers.write(tmp_path / "pirate-lora.gguf", keys, [tensor]))
    assert (spec.type, spec.status) == (ModelType.ADAPTER, ModelStatus.ADAPTER)
    assert (spec.name, spec.architecture, spec.parameters) == ("pirate-lora", "llama", 64)
    assert not spec.abilities
    assert spec.fact(Capability.CHAT) is not None


def test_that_a_file_called_a_draft_drafts(tmp_path: Path) -> None:
    spec = spec_of(headers.write(tmp_path / "mtp-Tiny-Q8_0.gguf", headers.model_keys()))
    fact = spec.fact(Capability.DRAFT)
    assert fact is not None
    assert (fact.value, fact.basis) == (True, Basis.NAME)
    plain = spec_of(headers.write(tmp_path / "Tiny-Q8_0.gguf", headers.model_keys()))
    assert plain.fact(Capability.DRAFT) is None


def test_that_models_that_are_alike_share_what_they_have_in_common(tmp_path: Path) -> None:
    one, other = (
        spec_of(headers.write(tmp_path / name, headers.model_keys()))
        for name in ("a.gguf", "b.gguf")
    )
    assert one.shape is other.shape
    assert one.capabilities is other.capabilities


def test_that_a_file_that_has_gone_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_model(FoundModel((FoundFile(str(tmp_path / "gone.gguf"), 1, 1),)))


def test_that_two_broken_files_alike_are_not_taken_for_copies(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    specs = [read_model(found).spec() for found in found_in(tmp_path)]
    assert len({spec.id for spec in specs if spec is not None}) == 2
