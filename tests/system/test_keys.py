"""Keys in a keyring, with everything that a keyring may do."""

import asyncio
from pathlib import Path

import pytest

from app.domain.errors import KeyringFailed, KeyUnusable
from app.domain.secrets import KeyPlace, Secret, read_key
from app.system import keys
from app.system.keys import Backend, SystemKeys, system_keyring
from app.system.logs import redacted
from tests.support.fakes import eventually
from tests.support.keyrings import (
    KINDS,
    BrokenKeyring,
    DeniedKeyring,
    DictKeyring,
    ForgetfulKeyring,
    LockedKeyring,
    SlowKeyring,
    WindowsKeyring,
    opened,
)

KEY = Secret("canary-0123456789-wxyz")


def over(backend: Backend | None, patience: float = 20) -> SystemKeys:
    return SystemKeys({}, lambda: backend, patience)


@pytest.mark.parametrize("kind", KINDS)
async def test_that_a_key_is_kept_found_replaced_and_forgotten(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as backend:
        vault = over(backend)
        assert (await vault.state()).lasting
        assert await vault.keep("one", KEY) is KeyPlace.KEYRING
        assert await vault.keep("two", Secret("another-key-entirely")) is KeyPlace.KEYRING
        # As another run of the app finds them.
        later = over(backend)
        assert await later.find("one") == KEY
        await later.keep("one", Secret("the-new-key-of-one"))
        assert await vault.find("one") == Secret("the-new-key-of-one")
        await vault.forget("one")
        await vault.forget("one")
        assert await later.find("one") is None
        assert await later.find("two") == Secret("another-key-entirely")


@pytest.mark.parametrize("kind", KINDS)
async def test_that_the_longest_key_is_kept_as_it_is(kind: str, tmp_path: Path) -> None:
    longest = read_key("k" * 1200)
    async with opened(kind, tmp_path) as backend:
        await over(backend).keep("one", longest)
        assert await over(backend).find("one") == longest


async def test_that_a_run_that_keeps_nothing_reads_the_keyring_and_leaves_it_alone() -> None:
    backend = DictKeyring()
    await over(backend).keep("one", KEY)
    vault = SystemKeys({}, lambda: backend, kept=False)
    assert not (await vault.state()).lasting
    assert await vault.find("one") == KEY
    assert await vault.keep("two", Secret("another-key-entirely")) is KeyPlace.MEMORY
    assert await vault.find("two") == Secret("another-key-entirely")
    await vault.forget("one")
    await vault.forget("two")
    assert await over(backend).find("one") == KEY
    assert await over(backend).find("two") is None


async def test_that_the_longest_key_fits_into_the_keyring_of_windows() -> None:
    assert await over(WindowsKeyring()).keep("one", read_key("k" * 1200)) is KeyPlace.KEYRING


async def test_that_without_a_keyring_keys_live_as_long_as_the_app_and_it_is_said() -> None:
    vault = over(None)
    state = await vault.state()
    assert not state.lasting
    assert "until Modelyard quits" in state.reason
    assert await vault.keep("one", KEY) is KeyPlace.MEMORY
    assert await vault.find("one") == KEY
    assert await over(None).find("one") is None
    await vault.forget("one")
    assert await vault.find("one") is None


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (LockedKeyring(), "locked"),
        (DeniedKeyring(), "doesn't let"),
        (ForgetfulKeyring(), "doesn't give it back"),
        (BrokenKeyring(), "couldn't be used"),
    ],
)
async def test_that_a_keyring_that_fails_is_told_in_words_without_the_key(
    backend: Backend, words: str
) -> None:
    vault = over(backend)
    with pytest.raises(KeyringFailed, match=words) as caught:
        await vault.keep("one", KEY)
    assert KEY.reveal() not in f"{caught.value!r} {caught.value.detail} {caught.value.__cause__!r}"
    assert await vault.keep("one", KEY, for_now=True) is KeyPlace.MEMORY
    assert await vault.find("one") == KEY


async def test_that_a_slow_keyring_is_given_up_without_holding_the_loop() -> None:
    slow = SlowKeyring()
    vault = over(slow, 0.05)
    with pytest.raises(KeyringFailed, match="not answered"):
        await vault.keep("one", KEY)
    slow.go.set()
    # What the person unlocks too late leaves no entry that nobody knows of.
    await eventually(slow.done.is_set)
    assert slow.entries == {}


async def test_that_a_cancelled_call_leaves_no_entry_either() -> None:
    slow = SlowKeyring()
    work = asyncio.ensure_future(over(slow).keep("one", KEY))
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    slow.go.set()
    await eventually(slow.done.is_set)
    assert slow.entries == {}


async def test_that_a_key_that_went_between_two_calls_is_simply_not_there() -> None:
    backend = DictKeyring()
    vault = over(backend)
    await vault.keep("one", KEY)
    backend.entries.clear()
    assert await vault.find("one") is None
    await vault.forget("one")


async def test_that_a_key_in_a_variable_is_read_by_its_name() -> None:
    vault = SystemKeys(
        {"MY_KEY": f" {KEY.reveal()}\n", "BAD": "two words", "EMPTY": " "}, lambda: None
    )
    assert vault.variable("MY_KEY") == KEY
    assert vault.variable("EMPTY") is None
    assert vault.variable("OTHER") is None
    with pytest.raises(KeyUnusable):
        vault.variable("BAD")


async def test_that_a_key_that_was_kept_or_found_is_in_no_log() -> None:
    await over(None).keep("one", Secret("an-unmistakable-key-1"))
    assert "unmistakable" not in redacted("sent an-unmistakable-key-1 there")
    backend = DictKeyring()
    backend.set_password("Modelyard/two", "key", "an-unmistakable-key-2")
    await over(backend).find("two")
    assert "unmistakable" not in redacted("sent an-unmistakable-key-2 there")


def test_that_only_keyrings_that_encrypt_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends import SecretService, fail, null

    class Chain:
        def __init__(self, *backends: object) -> None:
            self.backends = backends

    class PlainText:
        __module__ = "keyrings.alt.file"

    safe = SecretService.Keyring()
    for found, expected in (
        (fail.Keyring(), None),
        (null.Keyring(), None),
        (PlainText(), None),
        (safe, safe),
        (Chain(PlainText(), safe), safe),
        (Chain(PlainText()), None),
    ):
        monkeypatch.setattr(keyring, "get_keyring", lambda found=found: found)
        assert system_keyring() is expected


def test_that_every_entry_has_a_service_of_its_own() -> None:
    assert keys._service("a") != keys._service("b")
