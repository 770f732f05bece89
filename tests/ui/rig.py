"""The view-models' world: the real manager with fakes at its ports, bridge and intents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.domain.models import ModelSpec
from app.domain.settings import Theme as Choice
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.theme import Theme
from app.ui.viewmodels.gestures import Gestures
from app.ui.viewmodels.playground import Playground
from app.ui.viewmodels.profile import Profiling
from tests.support.fakes import FakeEngine, FakePorts, fake_ports, spec


@dataclass
class Rig:
    ports: FakePorts
    manager: Manager
    bridge: Bridge
    intents: Intents
    gestures: Gestures
    look: Theme

    def playground(self) -> Playground:
        return Playground(self.manager, self.bridge, self.intents, self.gestures)

    def profiling(self, *, seen: bool = True) -> Profiling:
        profiling = Profiling(self.manager, self.bridge, self.intents)
        profiling.watch(seen=seen)
        return profiling

    async def load(self, model: ModelSpec) -> FakeEngine:
        await self.manager.models.load(model.id)
        return self.ports.provider.engines[model.id]


@asynccontextmanager
async def rig(*models: ModelSpec, ports: FakePorts | None = None) -> AsyncIterator[Rig]:
    ports = ports or fake_ports()
    ports.offer(*models)
    look = Theme()
    look.apply(Choice.LIGHT)
    async with ports.manager() as manager:
        bridge = Bridge(manager)
        intents = Intents()
        try:
            yield Rig(ports, manager, bridge, intents, Gestures(manager, intents), look)
        finally:
            await intents.aclose()
            bridge.close()


ALPHA = spec("alpha")
BETA = spec("beta")
