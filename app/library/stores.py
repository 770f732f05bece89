"""Where other programs keep their models, by platform and environment. They are only read."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from app.domain.models import Folder, Store

CONFIGURATION_LIMIT = 1024 * 1024
"""Bytes of another program's settings; they are far smaller."""


def find_stores(environment: Mapping[str, str], platform: str = sys.platform) -> tuple[Folder, ...]:
    """The stores that are there now; it looks at the disk.

    Args:
        environment: the variables that move stores; without a home directory there are none.
        platform: as `sys.platform` names it.
    """
    found: dict[str, Folder] = {}
    for store, path in _places(environment, platform):
        if path.is_dir():
            place = os.path.realpath(path)
            found.setdefault(place, Folder(path=str(path), store=store))
    return tuple(found.values())


def store_name(folder: Folder, path: str) -> str:
    """What a store calls the model in a file; empty where the file's own name is as good.

    Args:
        folder: the store.
        path: a file below it.
    """
    if folder.store is not Store.JAN:
        return ""
    # Jan calls every file model.gguf, and its folder by the model's name.
    parts = PurePath(path).relative_to(folder.path).parts[:-1]
    return "/".join(parts) if PurePath(path).stem == "model" else ""


def _places(environment: Mapping[str, str], platform: str) -> Iterator[tuple[Store, Path]]:
    home_text = environment.get("USERPROFILE" if platform == "win32" else "HOME", "")
    if not home_text:
        return
    home = Path(home_text)
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    yield Store.HUGGING_FACE, _hugging_face(environment, cache)
    yield from ((Store.LM_STUDIO, path) for path in _lm_studio(home))
    yield from ((Store.OLLAMA, path) for path in _ollama(environment, home, platform))
    data, settings = _application_data(environment, home, platform)
    for folder in dict.fromkeys((data, settings)):
        yield Store.JAN, folder / "Jan" / "data" / "llamacpp" / "models"
        yield Store.JAN, folder / "Jan" / "data" / "models"
    yield Store.JAN, home / "jan" / "models"
    local = environment.get("LOCALAPPDATA", "") if platform == "win32" else ""
    yield Store.GPT4ALL, Path(local or data) / "nomic.ai" / "GPT4All"
    for inner in ("user_data/models", "models"):
        yield Store.TEXT_GENERATION_WEBUI, home / "text-generation-webui" / inner


def _hugging_face(environment: Mapping[str, str], cache: Path) -> Path:
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if chosen := environment.get(variable):
            return Path(chosen)
    chosen = environment.get("HF_HOME")
    return (Path(chosen) if chosen else cache / "huggingface") / "hub"


def _lm_studio(home: Path) -> Iterator[Path]:
    own = home / ".lmstudio"
    pointer = _text(home / ".lmstudio-home-pointer").strip()
    for place in dict.fromkeys((Path(pointer) if pointer else own, own)):
        try:
            chosen = json.loads(_text(place / "settings.json") or "{}").get("downloadsFolder")
        except (ValueError, AttributeError):
            chosen = None
        if isinstance(chosen, str) and chosen:
            yield Path(chosen)
        yield place / "models"
        yield place / ".internal" / "bundled-models"
    yield home / ".cache" / "lm-studio" / "models"


def _ollama(environment: Mapping[str, str], home: Path, platform: str) -> Iterator[Path]:
    if chosen := environment.get("OLLAMA_MODELS"):
        yield Path(chosen)
    yield home / ".ollama" / "models"
    if platform == "linux":
        # Where its service keeps them, whose home is a directory of its own.
        for service in ("/usr/share/ollama", "/var/lib/ollama"):
            yield Path(service) / ".ollama" / "models"


def _application_data(
    environment: Mapping[str, str], home: Path, platform: str
) -> tuple[Path, Path]:
    """Where programs keep data and settings."""
    if platform == "win32":
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        return roaming, roaming
    if platform == "darwin":
        support = home / "Library" / "Application Support"
        return support, support
    return (
        Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share"),
        Path(environment.get("XDG_CONFIG_HOME") or home / ".config"),
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(CONFIGURATION_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""
