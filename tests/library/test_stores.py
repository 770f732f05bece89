"""Stores as their programs lay them out, with real files."""

import json
from pathlib import Path

import pytest

from app.domain.models import Capability, Folder, ModelSpec, ModelStatus, Store
from app.library.discovery import LocalModelFiles
from app.library.stores import find_stores
from tests.support import models

DIGEST = "a" * 64


def kinds(environment: dict[str, str], platform: str = "linux") -> dict[Store, str]:
    return {
        folder.store: folder.path
        for folder in find_stores(environment, platform)
        if folder.store is not None
    }


async def specs_in(folder: Folder) -> list[ModelSpec]:
    return [spec async for batch in LocalModelFiles().scan(folder, {}) for spec in batch.specs]


def write_manifest(store: Path, name: str, layers: dict[str, str]) -> None:
    path = store / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [
        {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"}
        for kind, digest in layers.items()
    ]
    path.write_text(json.dumps({"schemaVersion": 2, "layers": listed}))


def write_blob(store: Path, digest: str, source: Path) -> Path:
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    return source.rename(store / "blobs" / f"sha256-{digest}")


def test_that_without_a_home_there_is_no_store() -> None:
    assert find_stores({}) == ()


@pytest.mark.parametrize(
    ("platform", "store", "place"),
    [
        ("linux", Store.HUGGING_FACE, ".cache/huggingface/hub"),
        ("linux", Store.LM_STUDIO, ".lmstudio/models"),
        ("linux", Store.LM_STUDIO, ".cache/lm-studio/models"),
        ("linux", Store.OLLAMA, ".ollama/models"),
        ("linux", Store.JAN, ".local/share/Jan/data/llamacpp/models"),
        ("linux", Store.JAN, ".config/Jan/data/llamacpp/models"),
        ("linux", Store.GPT4ALL, ".local/share/nomic.ai/GPT4All"),
        ("linux", Store.TEXT_GENERATION_WEBUI, "text-generation-webui/user_data/models"),
        ("darwin", Store.JAN, "Library/Application Support/Jan/data/llamacpp/models"),
        ("darwin", Store.GPT4ALL, "Library/Application Support/nomic.ai/GPT4All"),
        ("win32", Store.OLLAMA, ".ollama/models"),
        ("win32", Store.JAN, "AppData/Roaming/Jan/data/llamacpp/models"),
    ],
)
def test_that_a_store_is_found_at_home(
    tmp_path: Path, platform: str, store: Store, place: str
) -> None:
    (tmp_path / place).mkdir(parents=True)
    home = "USERPROFILE" if platform == "win32" else "HOME"
    assert kinds({home: str(tmp_path)}, platform) == {store: str(tmp_path / place)}


@pytest.mark.parametrize(
    ("variable", "store", "inner"),
    [
        ("HF_HOME", Store.HUGGING_FACE, "hub"),
        ("HF_HUB_CACHE", Store.HUGGING_FACE, ""),
        ("OLLAMA_MODELS", Store.OLLAMA, ""),
    ],
)
def test_that_a_variable_moves_a_store(
    tmp_path: Path, variable: str, store: Store, inner: str
) -> None:
    moved = tmp_path / "drive" / inner
    moved.mkdir(parents=True)
    environment = {"HOME": str(tmp_path / "home"), variable: str(tmp_path / "drive")}
    assert kinds(environment) == {store: str(moved)}


def test_that_lm_studio_says_where_its_downloads_are(tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    settings = tmp_path / ".lmstudio/settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"downloadsFolder": str(tmp_path / "drive")}))
    assert kinds({"HOME": str(tmp_path)}) == {Store.LM_STUDIO: str(tmp_path / "drive")}
    settings.write_text("[1]")
    assert kinds({"HOME": str(tmp_path)}) == {}


def test_that_a_store_behind_two_names_is_one(tmp_path: Path) -> None:
    (tmp_path / ".ollama/models").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / ".ollama/models")
    environment = {"HOME": str(tmp_path), "OLLAMA_MODELS": str(tmp_path / "link")}
    assert len(find_stores(environment, "linux")) == 1


async def test_that_ollamas_manifests_name_its_files(tmp_path: Path) -> None:
    store = tmp_path / "models"
    blob = write_blob(store, DIGEST, models.write_llama(tmp_path / "a.gguf"))
    for tag in ("latest", "7b"):
        write_manifest(store, f"registry.ollama.ai/library/qwen2.5/{tag}", {"model": DIGEST})
    (spec,) = await specs_in(Folder(path=str(store), store=Store.OLLAMA))
    assert (spec.name, spec.path, spec.status) == ("qwen2.5:7b", str(blob), ModelStatus.AVAILABLE)


async def test_that_ollamas_projector_goes_with_its_model(tmp_path: Path) -> None:
    store, other = tmp_path / "models", "b" * 64
    write_blob(store, DIGEST, models.write_llama(tmp_path / "a.gguf"))
    eyes = write_blob(store, other, models.write_projector(tmp_path / "b.gguf"))
    layers = {"model": DIGEST, "projector": other}
    write_manifest(store, "hf.co/someone/Seeing-GGUF/Q4_K_M", layers)
    (spec,) = await specs_in(Folder(path=str(store), store=Store.OLLAMA))
    assert (spec.name, spec.projector) == ("hf.co/someone/Seeing-GGUF:Q4_K_M", str(eyes))
    assert spec.can(Capability.VISION)


async def test_that_broken_manifests_and_missing_files_are_passed_over(tmp_path: Path) -> None:
    store = tmp_path / "models"
    write_blob(store, DIGEST, models.write_llama(tmp_path / "a.gguf"))
    write_manifest(store, "registry.ollama.ai/someone/own/latest", {"model": DIGEST})
    write_manifest(store, "registry.ollama.ai/library/gone/1b", {"model": "c" * 64})
    write_manifest(store, "registry.ollama.ai/library/odd/1b", {"model": "../../../etc/passwd"})
    for number, text in enumerate(("", "{}", "[]", '{"layers": [3]}', "\xff")):
        path = store / f"manifests/registry.ollama.ai/library/broken/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
    (spec,) = await specs_in(Folder(path=str(store), store=Store.OLLAMA))
    assert spec.name == "someone/own:latest"


async def test_that_an_ollama_store_without_models_is_empty(tmp_path: Path) -> None:
    assert await specs_in(Folder(path=str(tmp_path), store=Store.OLLAMA)) == []


async def test_that_the_hugging_face_cache_is_read_through_its_links(tmp_path: Path) -> None:
    repository = tmp_path / "hub/models--someone--Tiny-GGUF"
    blob = models.write_llama(repository / "blobs" / DIGEST)
    for revision in ("1f", "2f"):
        link = repository / "snapshots" / revision / "tiny-f16.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(blob)
    files = LocalModelFiles()
    place = Folder(path=str(tmp_path / "hub"), store=Store.HUGGING_FACE)
    batches = [batch async for batch in files.scan(place, {})]
    specs = [spec for batch in batches for spec in batch.specs]
    assert {spec.path for spec in specs} == {
        str(repository / "snapshots" / revision / "tiny-f16.gguf") for revision in ("1f", "2f")
    }
    assert len({file.place for batch in batches for file in batch.read}) == 1
    assert len({spec.id for spec in specs}) == 1


async def test_that_jan_calls_its_models_by_their_folders(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "someone/Tiny-Q4/model.gguf")
    (spec,) = await specs_in(Folder(path=str(tmp_path), store=Store.JAN))
    assert spec.name == "someone/Tiny-Q4"
