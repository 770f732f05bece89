from pathlib import Path

import pytest

from app.library.found import FoundFile, FoundModel
from app.library.packing import Answers, answer, asked_for, question
from app.library.specs import read_model
from app.worker import protocol
from app.worker.protocol import FilesRead, ReadFiles
from tests.support import headers, models


def sent(message: protocol.Message) -> protocol.Message:
    """The message as it arrives at the other end."""
    (frame,) = protocol.FrameReader().feed(protocol.encode(message))
    return protocol.decode(frame)


def received(message: FilesRead) -> FilesRead:
    arrived = sent(message)
    assert isinstance(arrived, FilesRead)
    return arrived


def test_that_a_question_arrives_whole() -> None:
    part = FoundFile("/models/a\udcff-00001-of-00003.gguf", 1, 2, 3, 4)
    projector = FoundFile("/models/mmproj-a.gguf", 5, 6)
    found = FoundModel((part, part), 3, 1, 2, (projector,), neighbours=True, name="a:latest")
    arrived = sent(question([found, FoundModel((part,))]))
    assert isinstance(arrived, ReadFiles)
    assert asked_for(arrived) == [found, FoundModel((part,))]


def test_that_an_answer_arrives_whole(tmp_path: Path) -> None:
    paths = [
        models.write_llama(tmp_path / "a.gguf"),
        models.write_llama(tmp_path / "b.gguf", name="Second"),
        headers.write(tmp_path / "c.gguf", headers.model_keys()),
        models.write_projector(tmp_path / "d.gguf"),
        *models.write_broken(tmp_path / "broken").values(),
    ]
    readings = [read_model(FoundModel((FoundFile(str(path), 1, 1),))) for path in paths]
    message = received(answer([*readings, None]))
    *arrived, gone = Answers().readings(message, len(paths) + 1)
    assert gone is None
    assert [reading and reading.spec() for reading in arrived] == [
        reading.spec() for reading in readings
    ]
    assert [reading and reading[2:] for reading in arrived] == [reading[2:] for reading in readings]


def test_that_what_is_alike_is_sent_and_built_once(tmp_path: Path) -> None:
    found = [
        FoundModel((FoundFile(str(models.write_llama(tmp_path / f"{n}.gguf", name=f"{n}")), 1, 1),))
        for n in range(3)
    ]
    message = received(answer(map(read_model, found)))
    assert (len(message.alike), len(message.templates)) == (1, 1)
    answers = Answers()
    readings = answers.readings(message, 3) + answers.readings(message, 3)
    assert len({id(reading.alike) for reading in readings if reading is not None}) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        FilesRead(["{}"], [], [None]),
        FilesRead([], [], []),
        FilesRead([], [], [[0, ["id"], 0, True]]),
        FilesRead([], [], [3]),
    ],
)
def test_that_nonsense_is_refused(nonsense: FilesRead) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        Answers().readings(nonsense, 1)
