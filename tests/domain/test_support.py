"""What a support bundle must not say."""

from app.domain.error_reports import report_of
from app.domain.errors import RequestError, WorkerCrashed
from app.domain.support import HOME, PRIVATE, USER, Echoes, unquoting, without_person

PROMPT = "My bank account in Zürich ends with 4711, and nobody may know that."


def cleaned(text: str, *said: str) -> str:
    echoes = Echoes([text])
    for item in said:
        echoes.hear(item)
    return echoes.without(text)


def test_that_a_home_and_a_name_are_replaced_wherever_they_stand() -> None:
    text = 'open "/home/ada/models/x.gguf", /mnt/ada/y, /home/adamant, ADA said, C:\\\\Users\\\\ada\\\\m'
    clean = without_person(text, {"/home/ada", "C:\\Users\\ada"}, {"ada"})
    assert clean == (
        f'open "{HOME}/models/x.gguf", /mnt/{USER}/y, /home/adamant, {USER} said, {HOME}\\\\m'
    )


def test_that_a_name_beside_an_underscore_is_replaced_too() -> None:
    assert without_person("ada_backup data", (), {"ada"}) == f"{USER}_backup data"


def test_that_a_quoted_prompt_is_taken_out_however_it_is_written() -> None:
    for text in (
        f"The server said: {PROMPT}",
        'the server said: {"echo": "my bank\\naccount in zürich ends with 4711"}',
        "the server said: BANK ACCOUNT IN ZÜRICH ENDS!",
    ):
        clean = cleaned(text, PROMPT)
        assert PRIVATE in clean
        assert "rich" not in clean.lower()
        assert clean.lower().startswith("the server said: ")


def test_that_a_part_of_a_long_prompt_is_found() -> None:
    clean = cleaned("error near 'ends with 4711, and nobody'", f"{'filler ' * 900}{PROMPT}")
    assert clean == f"error near '{PRIVATE}'"


def test_that_a_short_prompt_is_taken_out_as_a_whole() -> None:
    assert cleaned("failed: zanzibar quietly", "Zanzibar quietly") == f"failed: {PRIVATE}"
    assert cleaned("the secretword here", "secretword") == f"the {PRIVATE} here"
    assert cleaned("hello there, you", "hello") == "hello there, you"


def test_that_text_without_spaces_is_found() -> None:
    clean = cleaned("Fehler: 请告诉我你的银行账户", "请告诉我你的银行账户在哪里")
    assert clean == f"Fehler: {PRIVATE}"


def test_that_everything_else_stays_as_it_is() -> None:
    text = '{"message": "Loading\\nfailed", "at": 1.5}\n'
    assert cleaned(text, PROMPT) == text


def test_that_a_detail_that_may_quote_a_prompt_is_left_out() -> None:
    asked = report_of(RequestError("It was refused.", "Ask otherwise.", PROMPT))
    assert unquoting(asked).detail == PRIVATE
    crashed = report_of(WorkerCrashed("It crashed.", "Load it again.", "GGML_ASSERT"))
    assert unquoting(crashed).detail == "GGML_ASSERT"
