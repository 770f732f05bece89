"""Fields of a query line, judged a slice at a time."""

from app.domain.query_language import Surroundings
from app.ui.viewmodels import sieve as module
from app.ui.viewmodels.sieve import Sieve
from tests.support.fakes import eventually, spec

SPECS = {item.id: item for item in (spec("a", size_bytes=1), spec("b", size_bytes=10**10))}
IDS = tuple(SPECS)


def sieve_of(around=None, asked=None):
    def find(model_id):
        if asked is not None:
            asked.append(model_id)
        return SPECS.get(model_id)

    return Sieve(lambda: around or Surroundings(), lambda query: (query, None), find)


async def test_that_words_alone_look_at_no_spec(qtbot):
    asked = []
    sieve = sieve_of(asked=asked)
    sieve.ask("some words")
    assert sieve.passing(IDS) == IDS
    assert asked == []


async def test_that_fields_are_judged_once(qtbot):
    asked = []
    sieve = sieve_of(asked=asked)
    sieve.ask("size:<1GB")
    assert sieve.passing(IDS) == IDS[:1]
    sieve.ask("word size:<1GB")
    assert sieve.passing(IDS) == IDS[:1]
    assert asked == [*IDS]
    sieve.forget(IDS[:1])
    sieve.passing(IDS)
    assert asked == [*IDS, IDS[0]]


async def test_that_marks_are_known_without_looking_at_other_models(qtbot):
    asked = []
    sieve = sieve_of(Surroundings(favourites={IDS[1]}), asked)
    sieve.ask("favourite")
    assert sieve.passing(IDS) == IDS[1:]
    assert asked == [IDS[1]]


async def test_that_what_an_index_knows_is_asked_of_no_spec(qtbot):
    asked = []

    def narrowed(query):
        return query.model_copy(update={"terms": ()}), frozenset(IDS[:1])

    sieve = Sieve(Surroundings, narrowed, asked.append)
    sieve.ask("cap:chat")
    assert sieve.passing(IDS) == IDS[:1]
    assert asked == []


async def test_that_a_long_list_is_judged_a_slice_at_a_time(qtbot, monkeypatch):
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    sieve = sieve_of()
    progress = []
    sieve.progressed.connect(lambda: progress.append(sieve.passing(IDS)))
    sieve.ask("size:>0GB")
    assert sieve.passing(IDS) == IDS[:1]
    assert sieve.busy
    await eventually(lambda: not sieve.busy)
    assert progress[-1] == IDS


async def test_that_who_passes_moves_with_what_is_loaded(qtbot):
    sieve = sieve_of()
    sieve.ask("cap:chat")
    assert not sieve.moves()
    sieve.ask("cap:chat -loaded")
    assert sieve.moves()
