from app.domain.annotations import Annotation, ProbeResult
from app.domain.models import Capability, ModelId, ScannedFile
from app.storage.stores import open_storage

ONE, TWO = ModelId("local:1"), ModelId("local:2")


async def test_that_scanned_files_are_kept_by_folder_and_model(tmp_path) -> None:
    files = [
        ScannedFile("/models/a.gguf", "m", "1:1", ONE, 5),
        ScannedFile("/models/deep/b.gguf", "m", "1:2", ONE, 5),
        ScannedFile("/models/deep/clip.gguf", "m", "1:3", None, 5),
        ScannedFile("/models2/c.gguf", "m", "1:4", TWO, 2**63),
    ]
    storage = await open_storage(tmp_path / "state.db")
    kept = storage.library
    await kept.save_scanned(files)
    await kept.save_scanned([])
    assert set(await kept.scanned("/models")) == set(files[:3])
    assert set(await kept.scanned("/models/deep/")) == set(files[1:3])
    assert await kept.shared() == tuple(files[:2])
    assert [file.path for file in await kept.files_of([TWO])] == ["/models2/c.gguf"]
    await kept.forget_scanned(["/models/a.gguf", "/nowhere"])
    assert await kept.shared() == ()
    assert len(await kept.scanned("/")) == 3
    await storage.aclose()


async def test_that_annotations_are_kept_and_empty_ones_are_not(tmp_path) -> None:
    noted = Annotation(
        model_id=ONE,
        favourite=True,
        tags=("work",),
        overrides={Capability.TOOLS: False},
        probes=(ProbeResult(capability=Capability.JSON, value=True, at=1.5),),
        parent=TWO,
    )
    storage = await open_storage(tmp_path / "state.db")
    await storage.library.save_annotations([noted, Annotation(model_id=TWO, note="x")])
    await storage.library.save_annotations([Annotation(model_id=TWO)])
    await storage.aclose()
    storage = await open_storage(tmp_path / "state.db")
    assert await storage.library.annotations() == (noted,)
    await storage.aclose()


async def test_that_searches_keep_their_order(tmp_path) -> None:
    storage = await open_storage(tmp_path / "state.db")
    for name, line in (("b", "1"), ("a", "2"), ("b", "3")):
        await storage.library.save_search(name, line)
    assert list((await storage.library.searches()).items()) == [("b", "3"), ("a", "2")]
    await storage.library.forget_search("b")
    assert await storage.library.searches() == {"a": "2"}
    await storage.aclose()
