"""What is said of files and folders that a person gave the library."""

import pytest

from app.ui.viewmodels.additions import Addition, Outcome, said

MODEL, KNOWN = Outcome.MODEL_ADDED, Outcome.MODEL_KNOWN
FOLDER, KNOWN_FOLDER, REFUSED = Outcome.FOLDER_ADDED, Outcome.FOLDER_KNOWN, Outcome.REFUSED


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([], ""),
        ([MODEL], "x0 is added."),
        ([KNOWN], "x0 is in the library already."),
        ([FOLDER], "The folder x0 is added; its models appear as they are found."),
        ([KNOWN_FOLDER], "The folder x0 is in the library already; it is scanned again."),
        ([REFUSED], "x0 can't be added."),
        ([MODEL, MODEL, MODEL], "3 models are added."),
        ([FOLDER, FOLDER, MODEL], "1 model and 2 folders are added."),
        ([KNOWN, KNOWN_FOLDER], "2 were there already."),
        ([MODEL, KNOWN], "1 model is added; 1 was there already."),
        ([REFUSED, KNOWN, FOLDER], "1 folder is added; 1 was there already; x0 can't be added."),
        ([REFUSED, REFUSED], "2 can't be added."),
    ],
)
def test_that_every_outcome_has_its_words(outcomes, words):
    assert said([Addition(f"/d/x{n}", outcome) for n, outcome in enumerate(outcomes)]) == words
