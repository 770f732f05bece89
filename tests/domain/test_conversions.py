from app.domain.conversions import HEADER_BYTES, QUANTISATIONS, expected_size
from tests.support.fakes import spec


def test_that_a_header_takes_no_more_than_the_file_that_it_comes_from() -> None:
    kind = QUANTISATIONS["Q8_0"]
    tiny = spec("tiny", quantisation="", parameters=100_000, size_bytes=400_000)
    large = spec("large", parameters=1_000_000_000, size_bytes=2_000_000_000)
    assert 400_000 < expected_size(tiny, kind) < 600_000
    assert expected_size(large, kind) > 1_000_000_000 + HEADER_BYTES
    assert expected_size(spec("unknown", size_bytes=0), kind) > HEADER_BYTES


def test_that_what_a_small_file_can_hold_beside_its_weights_is_taken_into_account() -> None:
    tiny = spec("tiny", quantisation="F16", parameters=1_530_624, size_bytes=3_072_736)
    assert 953_248 < expected_size(tiny, QUANTISATIONS["Q4_K_M"]) < tiny.size_bytes


def test_that_models_with_narrow_rows_are_told_to_shrink_less() -> None:
    # As llama.cpp quantises it: rows of 64 values fill no block of 256.
    narrow = spec("narrow", quantisation="F16", parameters=136_896, size_bytes=283_360)
    made = {"Q2_K": 100_768, "Q4_K_M": 119_040, "Q6_K": 155_392}
    for name, size in made.items():
        assert size < expected_size(narrow, QUANTISATIONS[name]) < 1.5 * size
