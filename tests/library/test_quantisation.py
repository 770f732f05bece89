import pytest

from app.gguf.header import Tensor
from app.library.quantisation import quantisation_of


def tensor(kind: int, elements: int) -> Tensor:
    return Tensor("t", (elements,), kind, elements)


@pytest.mark.parametrize(
    ("file_type", "name"),
    [(15, "Q4_K_M"), (7, "Q8_0"), (18, "Q6_K"), (0, "F32"), (1024 + 30, "IQ4_XS")],
)
def test_that_the_file_type_names_it(file_type: int, name: str) -> None:
    assert quantisation_of(file_type, []) == name


@pytest.mark.parametrize("file_type", [None, 999])
def test_that_most_weights_decide_without_a_known_file_type(file_type: int | None) -> None:
    tensors = [tensor(0, 100), tensor(12, 80), tensor(12, 80)]
    assert quantisation_of(file_type, tensors) == "Q4_K"


def test_that_types_from_the_future_go_by_number() -> None:
    assert quantisation_of(None, [tensor(99, 1)]) == "type 99"


def test_that_no_weights_have_no_quantisation() -> None:
    assert quantisation_of(None, []) == ""
