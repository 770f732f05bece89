from app.domain.conversions import HEADER_BYTES, QUANTISATIONS, expected_size
from tests.support.fakes import spec


def test_that_a_header_takes_no_more_than_the_file_that_it_comes_from() -> None:
    kind = QUANTISATIONS["Q8_0"]
    tiny = spec("tiny", parameters=100_000, size_bytes=400_000)
    large = spec("large", parameters=1_000_000_000, size_bytes=2_000_000_000)
    assert 400_000 < expected_size(tiny, kind) < 600_000
    assert expected_size(large, kind) > 1_000_000_000 + HEADER_BYTES
    assert expected_size(spec("unknown", size_bytes=0), kind) > HEADER_BYTES
