import pytest

from app.library.found import FoundFile, group, may_be_model, stem_of


def files(*names: str) -> list[FoundFile]:
    return [FoundFile(f"/models/{name}", size=10, modified_ns=at) for at, name in enumerate(names)]


def test_that_shards_are_one_model_in_order() -> None:
    (model,) = group(files("a-00002-of-00002.gguf", "a-00001-of-00002.gguf"))
    assert model.path == "/models/a-00001-of-00002.gguf"
    assert (model.shards, model.size, model.modified_ns, model.missing) == (2, 20, 1, 0)


def test_that_shards_of_two_models_stay_apart() -> None:
    found = group(files("a-00001-of-00001.gguf", "b-00001-of-00001.gguf", "c.gguf"))
    assert sorted(model.path for model in found) == [
        "/models/a-00001-of-00001.gguf",
        "/models/b-00001-of-00001.gguf",
        "/models/c.gguf",
    ]


def test_that_a_missing_shard_is_named() -> None:
    (model,) = group(files("a-00001-of-00003.gguf", "a-00003-of-00003.gguf"))
    assert (model.missing, model.first_missing) == (1, 2)


def test_that_many_missing_shards_are_counted() -> None:
    (model,) = group(files("a-00001-of-99999.gguf"))
    assert (model.missing, model.first_missing) == (99_998, 2)


@pytest.mark.parametrize("name", ["a-00000-of-00003.gguf", "a-00004-of-00003.gguf"])
def test_that_an_impossible_number_makes_no_shard(name: str) -> None:
    (model,) = group(files(name))
    assert (model.shards, model.missing) == (1, 0)


def test_that_stems_lose_suffix_and_number() -> None:
    assert stem_of("a.b-00001-of-00002.gguf") == "a.b"
    assert stem_of("a.b.gguf") == "a.b"


def test_that_only_model_names_are_opened() -> None:
    assert may_be_model("A.GGUF")
    assert not may_be_model("a.gguf.part")
    assert not may_be_model("mmproj-a.gguf")
    assert not may_be_model("._a.gguf")
