"""Keyrings for tests: one in this process, ones with each fault, and GNOME's on a bus of its own."""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from keyring.errors import KeyringLocked, PasswordDeleteError, PasswordSetError

from app.system.keys import Backend

REQUIRED = "MODELYARD_TEST_KEYRING"
"""Set by the gate: the real keyring has to be there."""
HAS_REAL = all(map(shutil.which, ("gnome-keyring-daemon", "dbus-daemon")))
KINDS = ("in process", *(("gnome-keyring",) if HAS_REAL or os.environ.get(REQUIRED) else ()))


BUS = f"""
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir={tempfile.gettempdir()}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
"""A bus that starts no services: another keyring, or one that asks a person, would come by itself."""


class DictKeyring:
    """A keyring in this process."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError("No such password!")


class LockedKeyring(DictKeyring):
    """Whoever is asked to unlock it says no."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(f"Failed to unlock the collection for {password}!")


class KeychainDenied(Exception):
    """What macOS raises."""


class DeniedKeyring(DictKeyring):
    """The system lets nobody in."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeychainDenied("(-128, 'Keychain access denied')")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeychainDenied("(-128, 'Keychain access denied')")


class SlowKeyring(DictKeyring):
    """Waits for a person until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.go = threading.Event()
        self.done = threading.Event()

    def set_password(self, service: str, username: str, password: str) -> None:
        self.began.set()
        self.go.wait(30)
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        super().delete_password(service, username)
        self.done.set()


class ForgetfulKeyring(DictKeyring):
    """Takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class WindowsKeyring(DictKeyring):
    """Windows, where an entry takes 2,560 bytes of UTF-16."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2560:
            raise OSError(1783, "CredWrite", "The stub received bad data")
        super().set_password(service, username, password)


class BrokenKeyring(DictKeyring):
    """Fails, and says what it was to keep."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError(f"can't store {password}")


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Backend]:
    """One of `KINDS`, empty."""
    if kind == "in process":
        yield DictKeyring()
        return
    async with gnome_keyring(folder) as backend:
        yield backend


def _is_open() -> bool:
    """Whether the keyring is there; to ask it for an entry too early would have it ask a person."""
    import secretstorage
    from jeepney import DBusErrorResponse
    from secretstorage.exceptions import SecretStorageException

    connection = secretstorage.dbus_init()
    try:
        return not secretstorage.Collection(connection).is_locked()
    except (SecretStorageException, DBusErrorResponse):
        return False
    finally:
        connection.close()


@asynccontextmanager
async def gnome_keyring(folder: Path) -> AsyncIterator[Backend]:
    """GNOME's keyring, unlocked, on a D-Bus session that only this test knows."""
    from keyring.backends.SecretService import Keyring

    assert HAS_REAL, "the gate needs gnome-keyring and dbus-daemon"
    home, runtime = folder / "home", folder / "run"
    for place in (home, runtime):
        place.mkdir(mode=0o700)
    config = folder / "bus.conf"
    config.write_text(BUS)
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
    bus = await asyncio.create_subprocess_exec(
        "dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1", "--nopidfile",
        env=own, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert bus.stdout is not None
    address = (await bus.stdout.readline()).decode().strip()
    daemon = await asyncio.create_subprocess_exec(
        "gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets",
        env=own | {"DBUS_SESSION_BUS_ADDRESS": address},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert daemon.stdin is not None
    daemon.stdin.write(b"\n")
    daemon.stdin.close()
    before = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = address
    try:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(_is_open):
                assert daemon.returncode is None, "gnome-keyring-daemon didn't start"
                await asyncio.sleep(0.05)
        yield Keyring()
    finally:
        if before is None:
            del os.environ["DBUS_SESSION_BUS_ADDRESS"]
        else:
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = before
        for process in (daemon, bus):
            process.kill()
            await process.wait()
