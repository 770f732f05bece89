"""Search and order of long lists."""

from app.ui.viewmodels.model_index import ModelIndex
from tests.support.fakes import spec

MODELS = (
    spec("Gemma", architecture="gemma2", parameters=9),
    spec("Llama small", parameters=3),
    spec("Llama large", parameters=70),
    spec("Unknown", parameters=None),
)


def names(specs):
    return [item.name for item in specs]


def test_that_unknown_values_come_last_in_both_directions():
    index = ModelIndex()
    index.replace(MODELS, lambda s: s.parameters, descending=False)
    assert names(index.search("")) == ["Llama small", "Gemma", "Llama large", "Unknown"]
    index.sort(lambda s: s.parameters, descending=True)
    assert names(index.search("")) == ["Llama large", "Gemma", "Llama small", "Unknown"]


def test_that_every_word_has_to_match_in_any_attribute():
    index = ModelIndex()
    index.replace(MODELS, lambda s: s.name, descending=False)
    assert names(index.search("LLAMA large")) == ["Llama large"]
    assert names(index.search("gemma2")) == ["Gemma"]
    assert index.search("gemma large") == []


def test_that_typing_on_and_back_finds_the_same_as_a_fresh_search():
    typed, fresh = ModelIndex(), ModelIndex()
    typed.replace(MODELS, lambda s: s.name, descending=False)
    fresh.replace(MODELS, lambda s: s.name, descending=False)
    for text in ("l", "ll", "lla", "llama ", "llama s", "llama", "l", ""):
        typed.search(text)
    assert names(typed.search("llama s")) == names(fresh.search("llama s"))
    assert names(typed.search("l")) == names(fresh.search("l"))


def test_that_other_specs_replace_remembered_hits():
    index = ModelIndex()
    index.replace(MODELS, lambda s: s.name, descending=False)
    assert names(index.search("gemma")) == ["Gemma"]
    renamed = spec("Gemma", id=MODELS[0].id, architecture="other", path="/models/x.gguf")
    index.replace(
        (renamed.model_copy(update={"name": "Gone"}),), lambda s: s.name, descending=False
    )
    assert index.search("gemma") == []
