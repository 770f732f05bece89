"""Where the files go, by default and as the environment asks."""

import os
import stat

import platformdirs
import pytest

from app.domain.errors import StorageError
from app.system.paths import PERSISTENCE_PATH, find_paths


def test_that_the_state_lies_in_the_users_data_directory():
    paths = find_paths({})
    assert paths.database == platformdirs.user_data_path("Modelyard", appauthor=False) / (
        "modelyard.db"
    )
    assert paths.logs == platformdirs.user_log_path("Modelyard", appauthor=False)


def test_that_an_empty_variable_moves_nothing():
    assert find_paths({PERSISTENCE_PATH: ""}) == find_paths({})


@pytest.mark.parametrize(
    ("chosen", "database"),
    [
        ("there", "there/modelyard.db"),
        ("new", "new/modelyard.db"),
        ("dotted.folder/", "dotted.folder/modelyard.db"),
        ("folder.d", "folder.d/modelyard.db"),
        ("state.db", "state.db"),
        ("deep/er/state.sqlite", "deep/er/state.sqlite"),
        ("plain", "plain"),
    ],
)
def test_that_the_variable_names_a_directory_or_a_file(tmp_path, chosen, database):
    (tmp_path / "there").mkdir()
    (tmp_path / "folder.d").mkdir()
    (tmp_path / "plain").write_bytes(b"")
    paths = find_paths({PERSISTENCE_PATH: f"{tmp_path}/{chosen}"})
    assert paths.database == tmp_path / database
    assert paths.logs == paths.database.parent / "logs"


def test_that_the_variable_may_name_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert find_paths({PERSISTENCE_PATH: "~/state/"}).database == tmp_path / "state/modelyard.db"


def test_that_a_relative_place_does_not_move_with_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_paths({PERSISTENCE_PATH: "state.db"}).database == tmp_path / "state.db"


def test_that_finding_the_places_makes_nothing(tmp_path):
    find_paths({PERSISTENCE_PATH: f"{tmp_path}/new/"})
    assert list(tmp_path.iterdir()) == []


def test_that_made_directories_are_for_their_owner_only(tmp_path):
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        find_paths({PERSISTENCE_PATH: f"{tmp_path}/deep/er/"}).create()
    finally:
        os.umask(before)
    made = list(tmp_path.rglob("*"))
    assert {place.name for place in made} == {"deep", "er", "logs", "crashes"}
    assert {stat.S_IMODE(place.stat().st_mode) for place in made} == {0o700}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_that_making_the_directories_twice_changes_nothing(tmp_path):
    paths = find_paths({PERSISTENCE_PATH: f"{tmp_path}/new/"})
    paths.create()
    paths.create()
    assert paths.crashes.is_dir()


@pytest.mark.parametrize("place", ["file/", "file/below/"])
def test_that_a_directory_which_cannot_be_made_is_said_in_two_sentences(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    paths = find_paths({PERSISTENCE_PATH: f"{tmp_path}/{place}x/"})
    with pytest.raises(StorageError) as caught:
        paths.create()
    assert str(tmp_path) in caught.value.what
    assert PERSISTENCE_PATH in caught.value.remedy
    assert caught.value.detail
