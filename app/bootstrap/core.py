"""The composition root without Qt: the manager and its adapters, started in order, stopped in reverse."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from app.cli.arguments import Scan
from app.cli.scan import scan
from app.domain.error_reports import report_of
from app.domain.events import NoticeRaised
from app.domain.settings import persistence_chosen
from app.library.discovery import LocalModelFiles
from app.library.inspection import FileInspection
from app.manager.account_book import AccountPorts
from app.manager.manager import Manager
from app.manager.spending import SpendingPorts
from app.providers.llama_cpp import LlamaCppProvider
from app.providers.prices import BundledPrices
from app.providers.quantiser import QuantiserProcess
from app.providers.remote import RemoteConnections
from app.providers.templates import TemplateProcess
from app.storage.opening import Opening
from app.storage.stores import stores_of
from app.storage.unkept import is_kept
from app.system.devices import Machine
from app.system.key_audit import FileAudit
from app.system.keys import SystemKeys
from app.system.orphans import WorkerJournal
from app.system.paths import find_paths
from app.system.processes import WorkerProcesses
from app.system.support import SupportFiles


@asynccontextmanager
async def open_manager(
    database: Path, environment: Mapping[str, str], opening: Opening | None = None
) -> AsyncIterator[Manager]:
    """The manager over the state in `database`; leaving ends its processes and closes the state.

    Args:
        database: the state; it is made where there is none.
        environment: the process's variables.
        opening: the state, where opening it has begun.

    Raises:
        StorageError: the state can't be opened.
    """
    async with AsyncExitStack() as stack:
        if opening is None:
            opening = Opening(database, kept=is_kept(database, persistence_chosen(environment)))
        kept = opening.kept
        storage = await stores_of(opening)
        stack.push_async_callback(storage.aclose)
        journal = WorkerJournal(database.with_name("workers.jsonl"), kept=kept)
        journal.sweep()
        machine = Machine()
        paths = find_paths(environment)
        workers = WorkerProcesses(journal, machine.starved)
        stack.push_async_callback(workers.aclose)
        templates = TemplateProcess(workers)
        stack.push_async_callback(templates.aclose)
        # Apart from the one that conversations wait for: what it tries out may run wild.
        prober = TemplateProcess(workers)
        stack.push_async_callback(prober.aclose)
        manager = Manager(
            models=storage.models,
            conversations=storage.conversations,
            profiles=storage.profiles,
            settings=storage.settings,
            library=storage.library,
            files=LocalModelFiles(environment, workers),
            inspection=FileInspection(),
            quantiser=QuantiserProcess(workers, machine.cores()),
            prober=prober,
            providers={"local": LlamaCppProvider(workers, templates, cores=machine.cores())},
            devices=machine,
            support=SupportFiles(paths.logs, paths.crashes),
            environment=environment,
            accounts=AccountPorts(
                store=storage.accounts,
                vault=SystemKeys(environment, kept=kept),
                audit=FileAudit([database.parent, paths.logs, paths.crashes]),
                connections=RemoteConnections(),
            ),
            spending=SpendingPorts(store=storage.spending, prices=BundledPrices()),
            kept=kept,
        )
        stack.push_async_callback(manager.aclose)
        await manager.start()
        if storage.recovered is not None:
            manager.events.publish(NoticeRaised(report=report_of(storage.recovered)))
        yield manager


def run_scan(command: Scan) -> int:
    """List the models in a folder and return the exit status.

    The state is a throw-away one: looking leaves no trace in the user's library, and works while
    the window is open.
    """

    async def look(state: Path) -> int:
        async with open_manager(state, {}) as manager:
            return await scan(
                manager, command.folder, as_json=command.json, out=sys.stdout, err=sys.stderr
            )

    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        try:
            return asyncio.run(look(Path(folder) / "state.db"))
        except BrokenPipeError:
            # The reader went away, as `head` does; there is nobody to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
