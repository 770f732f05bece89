"""Frames survive any cutting of the stream, and what isn't a frame is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.generation import FinishReason
from app.worker import protocol
from app.worker.protocol import Frame, FrameReader, ProtocolError, decode, encode

MESSAGES = [
    protocol.Load("/models/a b.gguf", 4096, None, embedding=False),
    protocol.Generate("Hi ✓", True, 0.8, 40, 0.95, 0.05, 7, 100, ["\nUser:"], False),
    protocol.Probe(),
    protocol.Embed(["a", "é"]),
    protocol.Tokenise("Hi", True),
    protocol.Detokenise([1, 2]),
    protocol.Render("{{ x }}", [{"role": "user", "content": "Hi"}], {"bos_token": "<s>"}),
    protocol.Quantise("/a.gguf", "/b.gguf", 15, 3),
    protocol.Cancel(),
    protocol.Shutdown(),
    protocol.Ready(),
    protocol.Alive(),
    protocol.Progress(0.5),
    protocol.Loaded(4096),
    protocol.Planned({"CPU": 300}, {"CPU": 200}, {"CPU": 100}),
    protocol.Tokens("né", [1, 2]),
    protocol.Done(protocol.Finish.END, 12, 8, 2),
    protocol.Computed(),
    protocol.Embedded([[0.5, 0.5]]),
    protocol.Tokenised([1, 2]),
    protocol.Detokenised("Hi"),
    protocol.Rendered("text"),
    protocol.ReadFiles([[[["/a\udcff.gguf", 1, 2, 3, 4]], 1, 0, 0, [], False, ""]]),
    protocol.FilesRead(["{}"], [""], [None, [0, ["local:1"], 0, True]]),
    protocol.Refused(protocol.Refusal.OVERFLOW, "", 10, 5),
]


def test_that_every_message_has_a_kind_and_comes_back_as_it_was():
    assert {type(message) for message in MESSAGES} == set(protocol.KINDS)
    for number, message in enumerate(MESSAGES):
        (frame,) = FrameReader().feed(encode(message, number))
        assert frame.request == number
        assert decode(frame) == message


@given(st.lists(st.integers(1, 40)))
def test_that_frames_survive_any_cutting_of_the_stream(sizes):
    stream = b"".join(encode(message, number) for number, message in enumerate(MESSAGES))
    reader = FrameReader()
    frames = []
    for size in sizes:
        frames += reader.feed(stream[:size])
        stream = stream[size:]
    frames += reader.feed(stream)
    assert [decode(frame) for frame in frames] == MESSAGES


def test_that_an_oversized_payload_is_refused_before_it_is_buffered():
    header = protocol.HEADER.pack(101, 32, 0)
    with pytest.raises(ProtocolError, match="101"):
        list(FrameReader(limit=100).feed(header))


@pytest.mark.parametrize(
    "frame",
    [
        Frame(255, 0, b""),
        Frame(protocol.KINDS[protocol.Tokens], 0, b"{"),
        Frame(protocol.KINDS[protocol.Tokens], 0, b"[1]"),
        Frame(protocol.KINDS[protocol.Tokens], 0, b'{"text": "x"}'),
        Frame(protocol.KINDS[protocol.Tokens], 0, b'{"text": "\xff"}'),
    ],
)
def test_that_a_frame_of_no_known_shape_is_refused(frame):
    with pytest.raises(ProtocolError):
        decode(frame)


def test_that_the_workers_finish_words_are_the_domains():
    for finish in protocol.Finish:
        assert FinishReason(finish).value == finish.value
