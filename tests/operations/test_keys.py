"""Keys are renewed without breaking a link, and forgotten when they must be; who did it is written down."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.delivery.links import Click, click_token, read_click
from handbill.errors import RunRefused
from handbill.operations import keys
from handbill.operations.audit import Doer, entries
from handbill.operations.keys import marks_of
from handbill.settings import Settings, load_settings
from tests.conftest import NOW

SECRET = b"a secret"
ADA = Doer("ada", "shell")
Rotate = Callable[[Settings], str]
Retire = Callable[[Settings, str], None]


@pytest.fixture
def settings(tmp_path: Path, store_url: str) -> Settings:
    return Settings(tmp_path, store_url, SECRET)


@pytest.fixture
def rotate(store: Engine) -> Rotate:
    return lambda settings: keys.rotate(store, settings, now=NOW, doer=ADA)


@pytest.fixture
def retire(store: Engine) -> Retire:
    return lambda settings, mark: keys.retire(store, settings, mark, now=NOW, doer=ADA)


def test_a_project_begins_with_its_secret_as_the_only_key(settings: Settings) -> None:
    assert settings.keys == (SECRET,)
    assert len(marks_of(settings)) == 1


def test_a_new_key_signs_and_the_older_ones_go_on_reading(settings: Settings, rotate: Rotate) -> None:
    first = click_token(settings.keys, Click(1, 2))
    mark = rotate(settings)
    second = click_token(settings.keys, Click(3, 4))
    rotate(settings)
    assert (read_click(settings.keys, first), read_click(settings.keys, second)) == (Click(1, 2), Click(3, 4))
    assert (read_click(SECRET, second), marks_of(settings)[1]) == (None, mark)


def test_links_of_a_key_that_was_forgotten_lead_nowhere(settings: Settings, rotate: Rotate, retire: Retire) -> None:
    token = click_token(settings.keys, Click(1, 2))
    (old,) = marks_of(settings)
    rotate(settings)
    retire(settings, old)
    assert read_click(settings.keys, token) is None
    assert settings.secret == SECRET


def test_the_key_that_signs_cannot_be_forgotten(settings: Settings, retire: Retire) -> None:
    (mark,) = marks_of(settings)
    with pytest.raises(RunRefused) as refused:
        retire(settings, mark)
    assert str(refused.value) == f"{mark} is the key that signs. Run `handbill keys rotate` first."


def test_a_key_that_is_not_there_cannot_be_forgotten(settings: Settings, retire: Retire) -> None:
    with pytest.raises(RunRefused) as refused:
        retire(settings, "0a0a0a0a")
    assert str(refused.value) == "no key has the mark 0a0a0a0a. `handbill keys list` shows them."


def test_only_their_owner_can_read_the_keys(settings: Settings, rotate: Rotate) -> None:
    rotate(settings)
    assert stat.S_IMODE((settings.work_dir / "signing-keys").stat().st_mode) == 0o600


def test_marks_and_settings_give_no_key_away(settings: Settings, rotate: Rotate) -> None:
    rotate(settings)
    shown = f"{settings!r} {marks_of(settings)}"
    assert not any(key.decode() in shown for key in settings.keys)


def test_the_environment_can_hold_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rotate: Rotate) -> None:
    monkeypatch.setenv("HANDBILL_SECRET", "root")
    monkeypatch.setenv("HANDBILL_SIGNING_KEYS", "newest, older secret")
    settings = load_settings(tmp_path)
    assert settings.keys == (b"newest", b"older", b"root")
    with pytest.raises(RunRefused) as refused:
        rotate(settings)
    assert str(refused.value) == (
        "the keys are given by HANDBILL_SIGNING_KEYS. Change them there: the newest first, apart by commas."
    )


def test_who_renewed_and_forgot_keys_is_written_down(
    store: Engine, settings: Settings, rotate: Rotate, retire: Retire
) -> None:
    (old,) = marks_of(settings)
    new = rotate(settings)
    retire(settings, old)
    with pytest.raises(RunRefused):
        retire(settings, new)
    lines = [(each.who, each.way, each.action, each.subject) for each in entries(store)]
    assert lines == [("ada", "shell", "signing key retired", old), ("ada", "shell", "signing key rotated", new)]


def test_a_key_that_cannot_be_written_is_not_noted(
    store: Engine, tmp_path: Path, store_url: str, rotate: Rotate
) -> None:
    given = Settings(tmp_path, store_url, SECRET, given_keys=(b"newest",))
    with pytest.raises(RunRefused):
        rotate(given)
    assert entries(store) == []
