"""The index finds what looking at each model finds."""

import random
from dataclasses import replace

from app.domain.model_columns import columns_of
from app.domain.models import (
    Capability,
    CapabilityFact,
    ModelOrder,
    ModelQuery,
    ModelStatus,
    haystack,
)
from app.manager import model_index
from app.manager.model_index import ModelIndex
from tests.support.fakes import spec

NAMES = ("Llama", "Qwen coder", "Gemma", "Phi", "Zoë ẞ", "llama", "Mistral nemo", "Über")


def made(number: int, name: str = ""):
    embeds = number % 5 == 0
    return spec(
        name or f"{NAMES[number % len(NAMES)]} {number:03x}",
        id=f"local:m{number}",
        path=f"/models/m{number}.gguf",
        quantisation=("Q4_K_M", "Q8_0")[number % 2],
        provider=("local", "remote")[number % 3 == 0],
        parameters=(None, 7, 3)[number % 3],
        size_bytes=number % 11,
        status=list(ModelStatus)[number % 3],
        capabilities=(
            CapabilityFact(
                capability=Capability.EMBEDDING if embeds else Capability.CHAT,
                value=True,
                source="it says so",
            ),
        ),
    )


def expected(models, query: ModelQuery, loaded=()):
    found = [
        item
        for item in models.values()
        if all(word in haystack(item) for word in query.words.casefold().split())
        and query.provider in {None, item.provider}
        and query.status in {None, item.status}
        and query.quantisation in {None, item.quantisation}
        and (query.capability is None or item.can(query.capability))
        and query.loaded in {None, item.id in loaded}
    ]
    found.sort(key=lambda item: (item.name.casefold(), item.id))
    if query.order is ModelOrder.NAME:
        return tuple(item.id for item in (found[::-1] if query.descending else found))
    value = VALUES[query.order]
    known = [item for item in found if value(item) is not None]
    known.sort(key=value, reverse=query.descending)
    return tuple(item.id for item in [*known, *(x for x in found if value(x) is None)])


VALUES = {
    ModelOrder.PROVIDER: lambda item: item.provider,
    ModelOrder.QUANTISATION: lambda item: item.quantisation,
    ModelOrder.PARAMETERS: lambda item: item.parameters,
    ModelOrder.SIZE: lambda item: item.size_bytes or None,
}


QUERIES = [
    ModelQuery(words=words, limit=None)
    for words in ("", "llama", "LLAMA 0", "qwen cod", "zoë", "ss", "models/m12", "q8_0 phi", "none")
] + [
    ModelQuery(provider="remote", limit=None),
    ModelQuery(status=ModelStatus.INVALID, quantisation="Q8_0", limit=None),
    ModelQuery(words="gemma", capability=Capability.EMBEDDING, limit=None),
    ModelQuery(loaded=True, limit=None),
    ModelQuery(words="m1", loaded=False, limit=None),
    ModelQuery(order=ModelOrder.NAME, descending=True, limit=None),
    ModelQuery(words="llama", order=ModelOrder.PARAMETERS, limit=None),
    ModelQuery(order=ModelOrder.PARAMETERS, descending=True, limit=None),
    ModelQuery(order=ModelOrder.SIZE, descending=True, limit=None),
    ModelQuery(order=ModelOrder.PROVIDER, limit=None),
    ModelQuery(words="m2", order=ModelOrder.QUANTISATION, limit=None),
]


def test_that_searches_find_what_looking_at_each_finds_through_every_change(monkeypatch):
    monkeypatch.setattr(model_index, "FEWEST", 40)
    draw = random.Random(3)
    models = {item.id: item for item in map(made, range(400))}
    index = ModelIndex(columns_of(models.values()))
    loaded = {"local:m1", "local:m12", "local:m777"}
    for round_ in range(30):
        changed = [made(draw.randrange(700), draw.choice(("", "Renamed llama"))) for _ in range(12)]
        index.put(changed)
        models |= {item.id: item for item in changed}
        gone = [f"local:m{draw.randrange(700)}" for _ in range(6)]
        index.drop(gone)
        models = {model_id: item for model_id, item in models.items() if model_id not in gone}
        if round_ % 3 and (block := index.unlearned()) is not None:
            index.learn(block)
        assert len(index) == len(models)
        assert all(index.find(model_id) == item for model_id, item in models.items())
        assert sorted(index.paths()) == sorted((m.id, m.path) for m in models.values())
        there = loaded & models.keys()
        for query in QUERIES:
            assert index.search(query, there).ids == expected(models, query, there), query
    assert index.find("local:m9999") is None


def test_that_pages_follow_one_another_to_the_end():
    index = ModelIndex(columns_of(map(made, range(25))))
    whole = index.search(ModelQuery(limit=None), ()).ids
    paged, offset = [], 0
    while offset is not None:
        page = index.search(ModelQuery(offset=offset, limit=10), ())
        paged += page.ids
        offset = page.next_offset
    assert tuple(paged) == whole
    assert len(whole) == 25


def test_that_no_model_is_no_trouble():
    index = ModelIndex()
    assert index.search(ModelQuery(words="llama"), ()).ids == ()
    assert (len(index), index.unlearned()) == (0, None)


def test_that_models_in_several_files_are_known_whenever_they_came():
    early = [spec("Alone"), spec("Twice", copies=("/b/Twice.gguf",))]
    index = ModelIndex(columns_of(early))
    assert index.copied() == ["local:Twice"]
    index.put([early[1].model_copy(update={"copies": ()}), spec("Late", copies=("/c/Late.gguf",))])
    assert index.copied() == ["local:Late"]


def test_that_models_are_counted_by_status():
    models = [made(number) for number in range(30)]
    index = ModelIndex(columns_of(models))
    index.put([models[0].model_copy(update={"status": ModelStatus.INVALID})])
    index.drop([models[1].id])
    left = [ModelStatus.INVALID, *(item.status for item in models[2:])]
    for status in ModelStatus:
        assert index.count(status) == left.count(status)
    assert index.count(*ModelStatus) == len(index) == 29


def test_that_models_whose_names_fold_alike_stand_by_id_however_they_came():
    named = {"c": "Straße", "b": "STRASSE", "a": "strasse", "d": "Straßen"}
    models = [spec(name, id=model_id) for model_id, name in named.items()]
    columns = columns_of(models)
    for order in (models, models[::-1], sorted(models, key=lambda item: item.id)):
        came = replace(
            columns, ids=[item.id for item in order], names=[item.name for item in order],
            paths=[item.path for item in order], alike=order, build=order.__getitem__,
        )  # fmt: skip
        assert ModelIndex(came).search(ModelQuery(), ()).ids == ("a", "b", "c", "d")
