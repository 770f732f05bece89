"""Keys in the keyring of the operating system, asked in threads since it may ask a person first."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from app.domain.errors import AppError, KeyringFailed
from app.domain.secrets import KeyPlace, KeyringState, Secret, read_key
from app.system.logs import redact
from app.tasks import in_daemon_thread

log = logging.getLogger(__name__)

T = TypeVar("T")

SERVICE = "Modelyard"
USER = "key"
"""The same for every entry: Windows moves a service's first user elsewhere when a second comes."""
PATIENCE_SECONDS = 30.0
"""How long a person may take to unlock the keyring."""
_SAFE = ("keyring.backends.SecretService", "keyring.backends.libsecret", "keyring.backends.kwallet",
         "keyring.backends.macOS", "keyring.backends.Windows")  # fmt: skip
"""Modules of backends that encrypt. Others, found by entry points, may write plain text."""
NO_KEYRING = "This system has no keyring, so keys are kept until Modelyard quits."
NOT_KEPT = "Nothing of this run is kept, so keys are kept until Modelyard quits."
_UNLOCK = "Unlock the keyring and try again, or keep the key until Modelyard quits."


class Backend(Protocol):
    """The part of a `keyring` backend that is used."""

    def get_password(self, service: str, username: str) -> str | None:
        """The text of an entry."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Add or replace an entry."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Remove an entry."""
        ...


class SystemKeys:
    """Keeps each key as an entry of its own; where there is no keyring, in memory."""

    def __init__(
        self,
        environment: Mapping[str, str],
        find: Callable[[], Backend | None] | None = None,
        patience: float = PATIENCE_SECONDS,
        *,
        kept: bool = True,
    ) -> None:
        """Prepare without asking anybody.

        Args:
            environment: where variables with keys are looked up.
            find: what finds the keyring, in a thread; None for the system's.
            patience: seconds that one call may take.
            kept: whether the keyring may be changed; otherwise it is only read.
        """
        self._kept = kept
        self._environment = environment
        self._find = find or system_keyring
        self._patience = patience
        self._backend: Backend | None = None
        self._found = False
        self._memory: dict[str, Secret] = {}

    async def state(self) -> KeyringState:
        """Whether keys outlive this run."""
        if not self._kept:
            return KeyringState(lasting=False, reason=NOT_KEPT)
        try:
            backend = await self._keyring()
        except KeyringFailed as error:
            return KeyringState(lasting=False, reason=error.what)
        return (
            KeyringState(lasting=True)
            if backend
            else KeyringState(lasting=False, reason=NO_KEYRING)
        )

    async def keep(self, credential: str, key: Secret, *, for_now: bool = False) -> KeyPlace:
        """Keep a key in the keyring, or until the app quits where there is none.

        Raises:
            KeyringFailed: there is a keyring and it doesn't take it.
        """
        redact(key.reveal())
        backend = await self._keyring() if self._kept and not for_now else None
        if backend is None:
            self._memory[credential] = key
            return KeyPlace.MEMORY
        await self._write(backend, _service(credential), key)
        self._memory.pop(credential, None)
        return KeyPlace.KEYRING

    async def find(self, credential: str) -> Secret | None:
        """A kept key, or None where there is none any more.

        Raises:
            KeyringFailed: the keyring doesn't tell.
        """
        held = self._memory.get(credential)
        if held is not None:
            return held
        backend = await self._keyring()
        if backend is None:
            return None
        service = _service(credential)
        text = await self._asked(lambda: backend.get_password(service, USER), "read a key")
        if not text:
            return None
        redact(text)
        return Secret(text)

    def variable(self, name: str) -> Secret | None:
        """The key in an environment variable; None where it isn't set.

        Raises:
            KeyUnusable: what is in it can be no key.
        """
        text = self._environment.get(name, "")
        if not text.strip():
            return None
        key = read_key(text)
        redact(key.reveal())
        return key

    async def forget(self, credential: str) -> None:
        """Remove a key; one that isn't there is ignored.

        Raises:
            KeyringFailed: it may still be there.
        """
        self._memory.pop(credential, None)
        backend = await self._keyring() if self._kept else None
        if backend is not None:
            service = _service(credential)
            await self._asked(lambda: _delete(backend, service), "remove a key")

    async def _write(self, backend: Backend, service: str, key: Secret) -> None:
        given_up = threading.Event()

        def write() -> bool:
            backend.set_password(service, USER, key.reveal())
            kept = backend.get_password(service, USER) == key.reveal()
            if given_up.is_set():
                # Nobody knows of this entry: whoever asked was told that it failed.
                _delete(backend, service)
            return kept

        try:
            kept = await self._asked(write, "keep a key")
        except BaseException:
            given_up.set()
            raise
        if not kept:
            raise KeyringFailed(
                "The keyring took the key and doesn't give it back.",
                "Keep the key until Modelyard quits, or in an environment variable.",
            )

    async def _keyring(self) -> Backend | None:
        if not self._found:
            self._backend = await self._asked(self._find, "be found")
            self._found = True
        return self._backend

    async def _asked(self, work: Callable[[], T], purpose: str) -> T:
        """The result of a call that may wait for a person."""
        try:
            async with asyncio.timeout(self._patience):
                return await in_daemon_thread(work)
        except TimeoutError as error:
            raise KeyringFailed(
                f"The keyring has not answered for {self._patience:g} seconds.", _UNLOCK
            ) from error
        except AppError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge to whatever backend there is
            # Some let their system's own errors through, which have no class in common.
            raise _failure(error, purpose) from None


def system_keyring() -> Backend | None:
    """The system's keyring that encrypts what it is given; None where there is none.

    For a thread: importing the backends and asking them takes a tenth of a second.
    """
    import keyring  # noqa: PLC0415 - before the first paint it would only be in the way

    return next((item for item in _unchained(keyring.get_keyring()) if _is_safe(item)), None)


def _unchained(backend: Backend) -> list[Backend]:
    """The backends behind one that asks several in turn."""
    return list(getattr(backend, "backends", ())) or [backend]


def _is_safe(backend: Backend) -> bool:
    return type(backend).__module__.startswith(_SAFE)


def _service(credential: str) -> str:
    return f"{SERVICE}/{credential}"


def _delete(backend: Backend, service: str) -> None:
    if backend.get_password(service, USER) is not None:
        backend.delete_password(service, USER)


def _failure(error: Exception, purpose: str) -> KeyringFailed:
    # Its text may hold what was to be kept; the class says enough.
    name = type(error).__name__
    log.warning("The keyring couldn't %s: %s", purpose, name)
    if name == "KeyringLocked":
        return KeyringFailed("The keyring is locked.", _UNLOCK, name)
    if name in {"KeychainDenied", "SecAuthFailure", "PermissionError"}:
        return KeyringFailed(
            "The system doesn't let Modelyard use the keyring.",
            "Allow it there and try again, or keep the key until Modelyard quits.",
            name,
        )
    return KeyringFailed(
        "The keyring couldn't be used.",
        "Try again, or keep the key until Modelyard quits.",
        name,
    )
