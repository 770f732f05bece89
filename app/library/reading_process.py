"""The process that reads headers for a scan: the app's own goes on without a stutter meanwhile."""

import gc

from app.library.packing import answer, asked_for
from app.library.specs import read_or_gone
from app.worker import protocol, serve
from app.worker.channel import Channel
from app.worker.limits import limit_memory
from app.worker.protocol import Message

MEMORY_BYTES = 256 * 1024 * 1024
"""What headers may take on top of the process itself; no model's comes near it."""


def run() -> int:
    """Read what the app asks for until it ends this process.

    Returns:
        The exit status.
    """
    # Somebody waits for what it finds, and not for long.
    serve.settle(niceness=0)
    channel = Channel(serve.STDIN, serve.claim_stdout())
    limit_memory(MEMORY_BYTES)

    def receive(message: Message, request: int) -> None:
        if isinstance(message, protocol.ReadFiles):
            channel.send(answer(map(read_or_gone, asked_for(message))), request)

    # What was imported stays, and needn't be looked at by every collection.
    gc.freeze()
    channel.send(protocol.Ready())
    channel.serve(receive)
