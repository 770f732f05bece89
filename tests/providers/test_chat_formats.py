"""Templates, known templates and reasoning, with models that really write."""

import pytest

from app.domain.chat_templates import (
    KNOWN_TEMPLATES,
    ChatTemplate,
    TemplateSource,
    Thinking,
    ThinkingSwitch,
)
from app.domain.generation import FinishReason, GenerationEnd, Sampling
from app.domain.models import Capability
from app.worker.protocol import Render
from app.worker.template import render
from tests.providers.engines import answer, chat, completion, engine
from tests.support.models import _VOCABULARY, CHAT_TEMPLATE, write_embedding, write_llama

THINK = ("<think>", "</think>")
# With the last two, llama.cpp knows that "<|end|>" isn't the end.
HARMONY = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>")
OPENS = CHAT_TEMPLATE.replace("assistant\n{%", "assistant\n<think>\n{%")
SPEAKS_OF_IT = CHAT_TEMPLATE + "{# <think> </think> #}"
SWITCHED = CHAT_TEMPLATE.replace(
    "assistant\n{%",
    "assistant\n{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{%",
)


def writes(*words: str) -> Sampling:
    """What makes a model write these words and then end."""
    grammar = "root ::= " + " ".join(f'"{word}"' for word in words)
    return Sampling(temperature=0, grammar=grammar.replace("\n", "\\n"))


async def parts_of(loaded, request):
    text, reasoning, stats = "", "", None
    async for update in loaded.generate(request):
        if isinstance(update, GenerationEnd):
            stats = update.stats
        else:
            text += update.text
            reasoning += update.reasoning
    return text, reasoning, stats


async def test_that_reasoning_is_told_apart_where_the_model_opens_it(tmp_path):
    path = write_llama(tmp_path / "m.gguf", chat_template=SPEAKS_OF_IT)
    async with engine(path) as loaded:
        asked = chat("Hi", sampling=writes("<think>\n", "a < b\n", "</think>\n\n", "yes"))
        text, reasoning, stats = await parts_of(loaded, asked)
        assert (text, reasoning) == ("yes", "a < b\n")
        assert stats.finish is FinishReason.END
        assert stats.output_tokens > len("a < b yes")


async def test_that_reasoning_is_told_apart_where_the_template_opens_it(tmp_path):
    path = write_llama(tmp_path / "m.gguf", chat_template=OPENS)
    async with engine(path) as loaded:
        asked = chat("Hi", sampling=writes("a", "</think>", "yes"))
        assert (await parts_of(loaded, asked))[:2] == ("yes", "a")
        cut = chat("Hi", sampling=writes("a", "</thin"))
        assert (await parts_of(loaded, cut))[:2] == ("", "a</thin")


@pytest.mark.parametrize(
    ("special", "hidden", "written"),
    [
        (THINK, THINK, "<think>a</think>y"),
        (
            HARMONY,
            # These llama.cpp itself writes out.
            (),
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>y",
        ),
    ],
)
async def test_that_marks_that_are_control_tokens_are_seen_and_not_shown(
    tmp_path, special, hidden, written
):
    path = write_llama(tmp_path / "m.gguf", special=special)
    favoured = tuple((len(_VOCABULARY) + place, 200.0) for place in range(len(special)))
    async with engine(path) as loaded:
        sampling = writes(written).model_copy(update={"logit_bias": favoured})
        text, reasoning, stats = await parts_of(loaded, chat("Hi", sampling=sampling))
        assert (text, reasoning) == ("y", "a")
        marks = sum(written.count(mark) for mark in special)
        assert marks < stats.output_tokens <= marks + len("analysisaassistantfinaly")
        plain, _ = await answer(loaded, completion("Hi", sampling=sampling))
        assert not any(mark in plain for mark in hidden)


async def test_that_a_model_without_reasoning_may_write_the_marks(tmp_path):
    async with engine(write_llama(tmp_path / "m.gguf")) as loaded:
        asked = chat("Hi", sampling=writes("<think>a</think>yes"))
        assert (await parts_of(loaded, asked))[:2] == ("<think>a</think>yes", "")


async def test_that_the_next_turn_of_a_model_that_may_reason_computes_only_what_is_new(tmp_path):
    path = write_llama(tmp_path / "m.gguf", chat_template=SPEAKS_OF_IT, special=THINK)
    async with engine(path) as loaded:
        text, first = await answer(loaded, chat("Tell me", max_tokens=30))
        _, second = await answer(loaded, chat("Tell me", text, "More", max_tokens=5))
        assert second.cached_tokens == first.prompt_tokens + 29


async def test_that_a_switch_is_found_by_what_it_changes(tmp_path):
    path = write_llama(tmp_path / "m.gguf", chat_template=SWITCHED)
    async with engine(path) as loaded:
        assert await loaded.find_thinking() == ThinkingSwitch(
            variable="enable_thinking",
            choices=(Thinking.ON, Thinking.OFF),
            default=Thinking.ON,
        )
        lengths = [
            (await answer(loaded, chat("Hi", max_tokens=1, thinking=thinking)))[1].prompt_tokens
            for thinking in (None, Thinking.ON, Thinking.OFF, Thinking.HIGH)
        ]
        assert lengths[0] == lengths[1] == lengths[3] < lengths[2]


@pytest.mark.parametrize(
    "template",
    [
        CHAT_TEMPLATE,
        "{# enable_thinking #}" + CHAT_TEMPLATE,
        "{{ raise_exception('no') if thinking }}" + CHAT_TEMPLATE,
        "{{ 'think harder' if reasoning_effort == 'high' }}" + CHAT_TEMPLATE,
    ],
)
async def test_that_a_switch_that_changes_nothing_or_breaks_is_none(tmp_path, template):
    async with engine(write_llama(tmp_path / "m.gguf", chat_template=template)) as loaded:
        assert await loaded.find_thinking() is None
        _, stats = await answer(loaded, chat("Hi", max_tokens=1, thinking=Thinking.ON))
        assert stats.output_tokens == 1


async def test_that_levels_of_reasoning_are_told_to_the_template(tmp_path):
    template = "{{ reasoning_effort | default('medium') }} " + CHAT_TEMPLATE
    async with engine(write_llama(tmp_path / "m.gguf", chat_template=template)) as loaded:
        switch = await loaded.find_thinking()
        assert switch.choices == (Thinking.LOW, Thinking.MEDIUM, Thinking.HIGH)
        assert switch.default is Thinking.MEDIUM


@pytest.mark.parametrize("known", KNOWN_TEMPLATES, ids=lambda known: known.name)
async def test_that_a_vocabulary_tells_a_known_template_for_a_file_without(tmp_path, known):
    path = write_llama(tmp_path / "m.gguf", chat_template=None, turn=known.sign)
    async with engine(path) as loaded:
        assert loaded.template == ChatTemplate(source=TemplateSource.KNOWN, name=known.name)
        _, stats = await answer(loaded, chat("Hi", "Yes?", "Go", max_tokens=3))
        assert stats.output_tokens == 3


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        (
            "ChatML",
            (
                "<|im_start|>system\nBe brief<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                "<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>user\nGo<|im_end|>\n"
                "<|im_start|>assistant\n"
            ),
        ),
        (
            "Llama 3",
            (
                "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nYes?<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nGo<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n"
            ),
        ),
        (
            "Gemma",
            (
                "<s><start_of_turn>user\nBe brief\n\nHi<end_of_turn>\n"
                "<start_of_turn>model\nYes?<end_of_turn>\n"
                "<start_of_turn>user\nGo<end_of_turn>\n<start_of_turn>model\n"
            ),
        ),
        ("Mistral", "<s>[INST] Hi[/INST] Yes?</s>[INST] Be brief\n\nGo[/INST]"),
    ],
)
def test_that_known_templates_write_what_their_models_were_trained_on(name, prompt):
    known = next(known for known in KNOWN_TEMPLATES if known.name == name)
    roles = ("system", "user", "assistant", "user")
    texts = ("Be brief", "Hi", "Yes?", "Go")
    turns = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    assert render(Render(known.text, turns, special)) == prompt


async def test_that_the_files_own_template_comes_first_and_embedders_have_none(tmp_path):
    async with engine(write_llama(tmp_path / "m.gguf")) as loaded:
        assert loaded.template == ChatTemplate(source=TemplateSource.FILE)
    path = write_embedding(tmp_path / "e.gguf")
    async with engine(path, Capability.EMBEDDING) as loaded:
        assert loaded.template is None
        assert await loaded.find_thinking() is None
