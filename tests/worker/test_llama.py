"""The engine process, spoken to in frames."""

import subprocess
import sys

import pytest

from app.worker import protocol
from app.worker.protocol import Cancel, Done, Finish, Generate, Load, Refusal, Refused, Tokens
from tests.support.models import write_broken, write_llama, write_slow_llama
from tests.worker.workers import worker


def generate(prompt: str = "Once", **changes) -> Generate:
    fields = {
        "special": False,
        "temperature": 0.0,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "seed": 1,
        "max_tokens": 16,
        "stop": [],
        "ignore_end": False,
    }
    return Generate(prompt=prompt, **(fields | changes))


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory):
    return write_slow_llama(tmp_path_factory.mktemp("models") / "slow.gguf")


def test_that_a_cancel_ends_a_long_prompt_before_its_first_token(slow_model):
    with worker("llama") as engine:
        engine.load(slow_model, context=8192)
        engine.send(generate("word " * 1500), 2)
        # A heartbeat while nothing is generated: the prompt is under way.
        assert engine.next() == (0, protocol.Alive())
        engine.send(Cancel(), 2)
        (done,) = engine.until(Done, 2)
        assert done.finish == Finish.CANCELLED
        assert done.prompt_tokens == 7500
        engine.send(generate(max_tokens=2), 3)
        assert engine.until(Done, 3)[-1].finish == Finish.LENGTH


def test_that_a_stop_reaches_into_one_chunk_of_a_prompt(tmp_path):
    path = write_llama(tmp_path / "tiny.gguf")
    code = (
        "from app.worker.llama_context import LlamaContext\n"
        "from app.worker.llama_model import LlamaModel\n"
        "from app.worker.protocol import Load\n"
        "nodes = []\n"
        "def on_node():\n"
        "    nodes.append(1)\n"
        "    if len(nodes) == 5: context.abort()\n"
        f"load = Load({str(path)!r}, 512, 1, embedding=False)\n"
        "context = LlamaContext(LlamaModel(load, lambda _: None), load, on_node)\n"
        "assert not context.compute_prompt(0, [1] * 100, 0, last=True)\n"
        "assert len(nodes) == 5"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_that_a_cancelled_request_that_waits_never_runs(slow_model):
    with worker("llama") as engine:
        engine.load(slow_model, slots=1)
        engine.send(generate(max_tokens=2000, ignore_end=True), 2)
        engine.until(Tokens, 2)
        engine.send(generate(), 3)
        engine.send(Cancel(), 3)
        assert engine.until(Done, 3) == [Done(Finish.CANCELLED, 0)]
        engine.send(Cancel(), 2)
        assert engine.until(Done, 2)[-1].finish == Finish.CANCELLED


def test_that_a_file_that_llama_cpp_rejects_is_refused_with_its_own_words(tmp_path):
    with worker("llama") as engine:
        engine.send(Load(str(tmp_path / "none.gguf"), 512, None, embedding=False), 1)
        refused = engine.until(Refused, 1)[-1]
        assert refused.reason == Refusal.MODEL
        assert "none.gguf" in refused.detail
        assert engine.process.wait() == 1


def test_that_no_broken_file_is_loaded(tmp_path):
    for path in write_broken(tmp_path).values():
        with worker("llama") as engine:
            engine.send(Load(str(path), 512, None, embedding=False), 1)
            # Refused, or aborted by llama.cpp itself: either way the process ends with a word.
            assert engine.process.wait() != 0
            assert engine.process.stderr.read()


def test_that_the_first_token_travels_alone_and_others_together(tmp_path):
    with worker("llama") as engine:
        engine.load(write_llama(tmp_path / "tiny.gguf"))
        engine.send(generate(max_tokens=64), 2)
        *pieces, done = engine.until(Done, 2)
        stamps = [stamp for piece in pieces for stamp in piece.stamps_ns]
        assert len(pieces[0].stamps_ns) == 1
        assert len(pieces) < 64
        assert len(stamps) == 64
        assert stamps == sorted(stamps)
        assert done.finish == Finish.LENGTH
