"""Secrets come from the environment, at the moment when something is sent."""

from pathlib import Path

import pytest

from handbill.definitions.policy import EmailChannel
from handbill.definitions.secret import is_reference, resolve_secret
from handbill.errors import SetupIncomplete


def test_a_reference_is_the_value_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "s3cret")

    assert resolve_secret("${SMTP_PASSWORD}") == "s3cret"


def test_any_other_text_is_itself() -> None:
    assert resolve_secret("mail.example") == "mail.example"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    if value is not None:
        monkeypatch.setenv("SMTP_PASSWORD", value)

    with pytest.raises(SetupIncomplete) as caught:
        resolve_secret("${SMTP_PASSWORD}")

    assert str(caught.value) == (
        "the environment variable SMTP_PASSWORD, which campaigns.yaml refers to, is not set. "
        "Set it before sending: export SMTP_PASSWORD=…"
    )


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("${A_1}", True), ("x${A}", False), ("$A", False), ("${A}${B}", False), ("file:a", True), ("file: ", False)],
)
def test_a_reference_is_a_name_in_braces_or_that_of_a_file(text: str, is_one: bool) -> None:
    assert is_reference(text) is is_one


def test_a_secret_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("s3cret\n")

    assert resolve_secret(f"file:{tmp_path}/smtp") == "s3cret"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_secret_file_without_a_secret_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "smtp"
    if content is not None:
        path.write_text(content)

    with pytest.raises(SetupIncomplete) as caught:
        resolve_secret(f"file:{path}")

    assert str(caught.value) == (
        f"the secret file {path}, which campaigns.yaml refers to, cannot be read or is empty. Put the secret there."
    )


def test_a_secret_is_never_printed() -> None:
    channel = EmailChannel.model_validate({"from": "news@northwind.example", "password": "hunter2", "api_key": "k-123"})

    assert "password=***" in repr(channel)
    assert "hunter2" not in f"{channel!r} {channel}"
    assert "k-123" not in f"{channel!r} {channel}"
