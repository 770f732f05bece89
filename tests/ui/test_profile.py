"""The Profile view-model: choosing, measuring, cancelling, keeping."""

from app.domain.error_reports import ErrorReport
from app.domain.events import InstanceChanged
from app.domain.models import Capability, CapabilityFact
from tests.support.fakes import eventually, spec
from tests.ui.rig import ALPHA, BETA, rig


async def test_that_loaded_models_come_first_and_embedders_not_at_all(qapp) -> None:
    fact = CapabilityFact(capability=Capability.EMBEDDING, value=True, source="pooling")
    async with rig(ALPHA, BETA, spec("embed", capabilities=(fact,))) as r:
        profiling = r.profiling()
        assert [choice.text for choice in profiling.choices] == ["alpha", "beta"]
        await r.load(BETA)
        await eventually(lambda: profiling.choices[0].loaded)
        assert [choice.text for choice in profiling.choices] == ["beta (loaded)", "alpha"]


async def test_that_the_active_model_is_proposed_until_somebody_chooses(qapp) -> None:
    async with rig(ALPHA, BETA) as r:
        profiling = r.profiling()
        assert profiling.chosen == ALPHA.id
        await r.load(BETA)
        await eventually(lambda: profiling.chosen == BETA.id)
        profiling.choose(BETA.id)
        await r.manager.models.switch(ALPHA.id)
        await eventually(lambda: profiling.choices[1].loaded)
        assert profiling.chosen == BETA.id


async def test_that_models_are_listed_again_only_when_others_are_there_or_ready(qapp) -> None:
    async with rig(ALPHA, BETA) as r:
        profiling = r.profiling()
        await r.load(ALPHA)
        await eventually(lambda: profiling.choices[0].loaded)
        listed, query = [], r.manager.models.query
        r.manager.models.query = lambda asked: listed.append(1) or query(asked)
        for _ in range(3):
            view = r.manager.models.instance(ALPHA.id)
            r.manager.events.publish(InstanceChanged(instance=view))
            r.bridge.drain()
        assert listed == []
        await r.load(BETA)
        r.bridge.drain()
        assert len(listed) == 1
        assert profiling.choices[1].loaded


async def test_that_nothing_is_listed_while_nobody_looks(qapp) -> None:
    async with rig(ALPHA, BETA) as r:
        profiling = r.profiling()
        profiling.watch(seen=False)
        listed, query = [], r.manager.models.query
        r.manager.models.query = lambda asked: listed.append(1) or query(asked)
        await r.load(BETA)
        r.bridge.drain()
        assert listed == []
        profiling.watch(seen=True)
        assert [choice.text for choice in profiling.choices] == ["beta (loaded)", "alpha"]
        assert profiling.chosen == BETA.id


async def test_that_a_model_can_be_measured_before_anybody_looked(qapp) -> None:
    async with rig(ALPHA, BETA) as r:
        profiling = r.profiling(seen=False)
        profiling.choose(BETA.id)
        assert profiling.start()
        await eventually(lambda: not profiling.running)
        assert profiling.shown.model_name == "beta"


async def test_that_a_run_goes_live_and_is_kept_and_shown(qapp) -> None:
    async with rig(ALPHA) as r:
        profiling = r.profiling()
        steps: list[str] = []
        profiling.stepped.connect(lambda: steps.append(profiling.step().text))
        assert profiling.start()
        assert profiling.shown is None
        assert not profiling.start()
        await eventually(lambda: not profiling.running)
        assert "Warming up" in steps
        assert steps[-1] == "Request 5 of 5"
        assert profiling.shown is not None
        assert profiling.runs.row_at(0) == profiling.shown
        assert len(profiling.series().requests) == 5
        assert r.ports.store.kept_runs


async def test_that_the_warm_up_is_in_no_chart(qapp) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        profiling = r.profiling()
        profiling.choose(ALPHA.id)
        engine.go.clear()
        profiling.start()
        await eventually(lambda: (s := profiling.step()) and s.text == "Warming up")
        assert profiling.series().gaps == ()
        engine.go.set()
        await eventually(lambda: not profiling.running)
        assert len(profiling.series().gaps) == 5 * (engine.words - 1)


async def test_that_cancel_stops_the_model_and_keeps_nothing(qapp) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        profiling = r.profiling()
        profiling.start()
        await eventually(lambda: not profiling.running)
        kept = profiling.shown
        engine.go.clear()
        profiling.start()
        await eventually(lambda: (s := profiling.step()) and s.text == "Warming up")
        profiling.cancel()
        await eventually(lambda: not profiling.running)
        assert engine.stopped == 1
        assert profiling.shown == kept
        assert profiling.runs.rowCount() == 1


async def test_that_a_crash_is_reported_and_the_last_result_comes_back(qapp) -> None:
    async with rig(ALPHA) as r:
        engine = await r.load(ALPHA)
        engine.go.clear()
        profiling = r.profiling()
        failures: list[ErrorReport] = []
        r.intents.failed.connect(failures.append)
        profiling.start()
        await eventually(lambda: (s := profiling.step()) and s.text == "Warming up")
        engine.crash()
        await eventually(lambda: not profiling.running)
        assert "SIGKILL" in failures[0].what
        assert profiling.shown is None
        assert profiling.step() is None


async def test_that_a_deleted_run_makes_way_for_the_newest(qapp) -> None:
    async with rig(ALPHA) as r:
        profiling = r.profiling()
        for _ in range(2):
            profiling.start()
            await eventually(lambda: not profiling.running)
        newest, oldest = profiling.runs.row_at(0), profiling.runs.row_at(1)
        profiling.show_run(oldest.id)
        assert profiling.shown == oldest
        profiling.delete(oldest.id)
        await eventually(lambda: profiling.runs.rowCount() == 1)
        assert profiling.shown == newest
        assert list(r.ports.store.kept_runs) == [newest.id]


async def test_that_runs_are_back_after_a_restart(qapp, qtmodeltester) -> None:
    async with rig(ALPHA) as r:
        profiling = r.profiling()
        profiling.start()
        await eventually(lambda: not profiling.running)
    async with rig(ports=r.ports) as again:
        profiling = again.profiling()
        assert profiling.shown is not None
        qtmodeltester.check(profiling.runs)
        texts = [profiling.runs.index(0, column).data() for column in range(1, 7)]
        assert texts[0] == "alpha"
        assert texts[1].endswith("tok/s")
        assert texts[4:] == ["5", "4k"]
