"""A dry run says what a real load then allocates."""

import re
import subprocess
import sys

import pytest

from app.worker.dry_run import cache_sizes, compute_sizes
from app.worker.protocol import Load, Planned, Refusal, Refused
from app.worker.repacking import shards
from tests.support.models import (
    WRITERS,
    write_broken,
    write_llama,
    write_quantised,
    write_sharded,
)
from tests.worker.workers import worker

BUFFER = re.compile(r" (model|KV|compute|output) buffer size = +([\d.]+) MiB")
HUNDREDTHS = 0.03 * 2**20
"""What is lost where a log has two digits of mebibytes."""


def planned(load: Load) -> Planned:
    with worker("llama") as engine:
        engine.send(load, 1)
        (plan,) = engine.until(Planned, 1)
        engine.process.wait()
        return plan


def allocated(load: Load) -> dict[str, float]:
    """What llama.cpp says while it loads a model."""
    code = (
        "from app.worker.llama_context import LlamaContext\n"
        "from app.worker.llama_model import LlamaModel\n"
        "from app.worker.protocol import Load\n"
        f"load = {load!r}\n"
        "LlamaContext(LlamaModel(load, lambda _: None), load, lambda: None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    sizes = dict.fromkeys(("model", "KV", "compute", "output"), 0.0)
    for line in done.stderr.splitlines():
        if found := BUFFER.search(line):
            sizes[found[1]] += float(found[2]) * 2**20
    return sizes


def assert_as_allocated(load: Load, plan: Planned) -> None:
    real = allocated(load)
    assert plan.weights["CPU"] == pytest.approx(real["model"], abs=HUNDREDTHS)
    assert plan.cache["CPU"] == pytest.approx(real["KV"], abs=HUNDREDTHS)
    assert plan.compute["CPU"] == pytest.approx(real["compute"] + real["output"], abs=HUNDREDTHS)


@pytest.mark.parametrize("kind", WRITERS)
def test_that_every_kind_of_model_is_planned_as_it_is_then_loaded(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "m.gguf")
    load = Load(str(path), 512, 1, embedding=kind == "embedding")
    assert_as_allocated(load, planned(load._replace(dry_run=True)))


@pytest.mark.parametrize("mmap", [None, False])
def test_that_weights_that_are_laid_out_anew_are_counted(tmp_path, mmap):
    path = write_quantised(tmp_path / "m.gguf")
    load = Load(str(path), 512, 1, embedding=False, mmap=mmap)
    assert_as_allocated(load, planned(load._replace(dry_run=True)))


def test_that_all_shards_are_counted(tmp_path):
    first, *_ = files = write_sharded(tmp_path)
    assert list(shards(str(first))) == files
    load = Load(str(first), 512, 1, embedding=False)
    assert_as_allocated(load, planned(load._replace(dry_run=True)))


def test_that_an_adapter_adds_its_file(tmp_path):
    path, other = write_llama(tmp_path / "m.gguf"), write_llama(tmp_path / "style.gguf")
    load = Load(str(path), 512, 1, embedding=False, dry_run=True)
    with_adapter = Load(
        str(path), 512, 1, embedding=False, dry_run=True, adapters=[(str(other), 1.0)]
    )
    more = planned(with_adapter).weights["CPU"] - planned(load).weights["CPU"]
    assert more == other.stat().st_size


def test_that_a_broken_file_is_refused_as_a_load_would_be(tmp_path):
    path = write_broken(tmp_path)["wrong_magic"]
    with worker("llama") as engine:
        engine.send(Load(str(path), 512, None, embedding=False, dry_run=True), 1)
        assert engine.until(Refused, 1)[-1].reason == Refusal.MODEL
        assert engine.process.wait() == 1


LINES = [
    "llama_context:      CUDA0  output buffer size =     0.75 MiB",
    "llama_kv_cache: layer   0: dev = CPU",
    "llama_kv_cache: layer   1: dev = CUDA0",
    "llama_kv_cache: layer   2: dev = CUDA0",
    "llama_kv_cache: layer   3: dev = CUDA0",
    "llama_kv_cache:        CPU KV buffer size =     0.00 MiB",
    "llama_kv_cache: size =  360.00 MiB (  4096 cells,  30 layers,  4/4 seqs), K (f16):  180.00 MiB",
    "llama_kv_cache_iswa: creating     SWA KV cache, size = 4096 cells",
    "dsv4: csa ratio = 4, rs_seq = 1, layers = 2, size =   40.00 MiB",
    "sched_reserve:      CUDA0 compute buffer size =    17.50 MiB",
    "sched_reserve:  CUDA_Host compute buffer size =     1.00 MiB",
]


def test_that_the_log_s_sizes_are_told_apart_by_device():
    mebibyte = 2**20
    assert cache_sizes(LINES) == {"CPU": 100 * mebibyte, "CUDA0": 300 * mebibyte}
    assert compute_sizes(LINES) == {"CUDA0": 18.25 * mebibyte, "CUDA_Host": mebibyte}
    assert cache_sizes(LINES[5:7]) == {"CPU": 360 * mebibyte}
