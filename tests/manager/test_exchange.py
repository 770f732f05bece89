import json

import pytest

from app.domain.errors import SettingError
from app.domain.load_settings import LoadSettings
from app.domain.models import Capability, ModelStatus
from tests.support.fakes import eventually, fake_ports, spec

A = spec("a")


async def test_that_what_was_exported_is_there_again_elsewhere() -> None:
    ports = fake_ports()
    ports.files.disk["/models"] = [A]
    async with ports.manager() as manager:
        await manager.library.add_folder("/models")
        await eventually(lambda: manager.library.scanning() is None and manager.models.search())
        await manager.annotations.set_tags(A.id, ["work"])
        await manager.annotations.override(A.id, Capability.TOOLS, value=True)
        await manager.searches.save("mine", "cap:tools")
        await manager.settings.set("max_tokens", 77)
        await manager.models.assign_alias("poet", A.id)
        await manager.models.load_settings.save(A, LoadSettings(context_length=512))
        text = await manager.exchange.export()
    other = fake_ports()
    async with other.manager() as manager:
        summary = await manager.exchange.take_in(text)
        assert (summary.models, summary.aliases, summary.folders) == (1, 1, 1)
        assert summary.left_out == ()
        assert manager.models.get(A.id).status is ModelStatus.MISSING
        assert manager.models.get(A.id).can(Capability.TOOLS)
        assert manager.annotations.get(A.id).tags == ("work",)
        assert manager.searches.saved() == {"mine": "cap:tools"}
        assert manager.settings.current().max_tokens == 77
        assert manager.models.load_settings.in_force(A.id).context_length == 512
        other.files.disk["/models"] = [A]
        await manager.library.rescan()
        await eventually(lambda: manager.models.get(A.id).status is ModelStatus.AVAILABLE)


async def test_that_the_windows_place_stays_where_it_is_and_no_key_leaves() -> None:
    async with fake_ports().manager() as manager:
        place = manager.settings.current().window.model_copy(update={"page": "chat"})
        await manager.settings.set("window", place)
        document = json.loads(await manager.exchange.export())
        assert "window" not in document.get("settings", {})
        assert document["format"] == "modelyard-library"


@pytest.mark.parametrize("text", ["", "[]", '{"format": "other"}', '{"exported_at": "x"}'])
def test_that_what_is_no_export_changes_nothing(text: str) -> None:
    from app.domain.exchange import read_export

    with pytest.raises(SettingError, match="isn't an export"):
        read_export(text)
