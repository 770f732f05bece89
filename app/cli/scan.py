"""`modelyard scan`: the models below a folder, as text or as JSON lines."""

import json
from typing import TextIO

from app.domain.errors import AppError
from app.domain.models import ModelSpec, ModelStatus
from app.manager.manager import Manager


async def scan(manager: Manager, folder: str, *, as_json: bool, out: TextIO, err: TextIO) -> int:
    """Print each model as it is found and return the exit status.

    A broken file is listed with its reason and is no failure; a folder that can't be read is.
    """
    line = _json_line if as_json else _text_line

    def found(spec: ModelSpec) -> None:
        out.write(line(spec) + "\n")
        out.flush()

    try:
        await manager.library.look(folder, found)
    except AppError as error:
        err.write(f"{error.what} {error.remedy}\n")
        return 1
    return 0


def _json_line(spec: ModelSpec) -> str:
    return json.dumps(
        {
            "id": spec.id,
            "name": spec.name,
            "path": spec.path,
            "status": spec.status,
            "reason": spec.reason,
            "architecture": spec.architecture,
            "parameters": spec.parameters,
            "quantisation": spec.quantisation,
            "context_length": spec.context_length,
            "size_bytes": spec.size_bytes,
            "shards": spec.shards,
            "capabilities": sorted(spec.abilities),
        }
    )


def _text_line(spec: ModelSpec) -> str:
    if spec.status is not ModelStatus.AVAILABLE:
        return f"{spec.name}  {spec.status}: {spec.reason}  {spec.path}"
    parameters = f"{spec.parameters:,} parameters" if spec.parameters is not None else ""
    context = f"context {spec.context_length:,}" if spec.context_length is not None else ""
    facts = (
        spec.architecture,
        parameters,
        spec.quantisation,
        context,
        f"{spec.size_bytes:,} bytes",
    )
    return "  ".join((spec.name, *(fact for fact in facts if fact), spec.path))
