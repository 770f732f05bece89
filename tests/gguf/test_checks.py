from pathlib import Path

import pytest

from app.gguf.checks import check_model
from app.gguf.header import HeaderError
from app.gguf.reader import read_header
from tests.support import headers, models
from tests.support.headers import ARRAY, FLOAT32, INT32, STRING, UINT32, UINT64, array, key


@pytest.mark.parametrize("shape", models.WRITERS)
def test_that_real_models_pass(tmp_path: Path, shape: str) -> None:
    check_model(read_header(models.WRITERS[shape](tmp_path / "a.gguf")))


def test_that_a_model_without_layers_is_refused(tmp_path: Path) -> None:
    header = read_header(models.write_broken(tmp_path)["zero_layers"])
    with pytest.raises(HeaderError, match="0 layers"):
        check_model(header)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": None}, "which kind of model"),
        ({"architecture": key("general.architecture", STRING, "x" * 65)}, "which kind of model"),
        ({"block_count": None}, "no layers"),
        ({"block_count": key("llama.block_count", UINT32, 513)}, "513 layers"),
        ({"block_count": key("llama.block_count", STRING, "2")}, "no layers"),
        ({"embedding_length": key("llama.embedding_length", UINT32, 0)}, "embedding length"),
        ({"embedding_length": key("llama.embedding_length", UINT32, 63)}, "can't be split"),
        ({"context_length": key("llama.context_length", INT32, -1)}, "context length"),
        ({"context_length": key("llama.context_length", UINT64, 2**63)}, "context length"),
        ({"key_length": key("llama.attention.key_length", INT32, -16)}, "key length"),
        ({"head_count": key("llama.attention.head_count", UINT32, 0)}, "no attention heads"),
        ({"head_count": key("llama.attention.head_count", INT32, -4)}, "attention heads"),
        (
            {"head_count": key("llama.attention.head_count", ARRAY, array(UINT32, [4]))},
            "doesn't fit its layers",
        ),
        ({"epsilon": key("llama.attention.layer_norm_rms_epsilon", FLOAT32, 0.0)}, "epsilon"),
        (
            {"epsilon": key("llama.attention.layer_norm_rms_epsilon", FLOAT32, float("nan"))},
            "epsilon",
        ),
        ({"epsilon": key("llama.attention.layer_norm_rms_epsilon", UINT32, 1)}, "epsilon"),
    ],
)
def test_that_figures_which_can_not_be_are_refused(
    tmp_path: Path, changes: dict[str, bytes | None], words: str
) -> None:
    path = headers.write(tmp_path / "a.gguf", headers.model_keys(**changes))
    with pytest.raises(HeaderError, match=words):
        check_model(read_header(path))


def test_that_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    path = headers.write(tmp_path / "a.gguf", headers.model_keys(), [])
    with pytest.raises(HeaderError, match="no weights"):
        check_model(read_header(path))


def test_that_recurrent_models_need_no_heads(tmp_path: Path) -> None:
    keys = headers.model_keys(
        head_count=key("llama.attention.head_count", UINT32, 0),
        state=key("llama.ssm.state_size", UINT32, 16),
    )
    check_model(read_header(headers.write(tmp_path / "a.gguf", keys)))


def test_that_heads_may_have_a_length_of_their_own(tmp_path: Path) -> None:
    keys = headers.model_keys(
        head_count=key("llama.attention.head_count", UINT32, 5),
        key_length=key("llama.attention.key_length", UINT32, 16),
    )
    check_model(read_header(headers.write(tmp_path / "a.gguf", keys)))
