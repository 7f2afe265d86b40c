"""Secrets come from the environment, at the moment when something is sent."""

import pytest

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


@pytest.mark.parametrize(("text", "is_one"), [("${A_1}", True), ("x${A}", False), ("$A", False), ("${A}${B}", False)])
def test_a_reference_is_nothing_but_a_name_in_braces(text: str, is_one: bool) -> None:
    assert is_reference(text) is is_one
