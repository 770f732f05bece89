"""`python -m tests.benchmarks.remote.server CHUNKS`: a server that answers at full speed."""

import asyncio
import sys

from tests.support.wire_server import many, wire_server


async def serve(chunks: int) -> None:
    """Answer until the process is ended."""
    async with wire_server() as server:
        server.fault = many(chunks)
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
