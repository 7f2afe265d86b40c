import re
from pathlib import Path

import pytest

from handbill.rendering.press_room import PressRoom
from handbill.rendering.press_worker import PrintJob
from tests.rendering.mail import letter_html, mail_project, piece


def order(start: int, count: int) -> PrintJob:
    """Pieces from `start`, the second of which cannot be set."""
    names = ["𓀀" if number == 1 else "Whitcombe" for number in range(count)]
    return PrintJob("spring-sale", "post", tuple(piece(start + n, last_name=name) for n, name in enumerate(names)))


def test_several_processes_bring_their_pieces_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    project = mail_project(tmp_path, letter_html("<p>{{ contact.last_name | default('') }}</p>"))
    counted: list[int] = []
    with PressRoom(project, processes=2) as room:
        mails = room.render([order(1, 60), order(61, 30), order(91, 30)], counted.append)
    assert [[span.sequence for span in mail.spans] for mail in mails] == [
        [1, *range(3, 61)], [61, *range(63, 91)], [91, *range(93, 121)]
    ]  # fmt: skip
    assert [list(mail.rejected) for mail in mails] == [[2], [62], [92]]
    assert counted == [60, 30, 30]


def test_small_orders_need_no_process(tmp_path: Path) -> None:
    with PressRoom(mail_project(tmp_path, letter_html()), processes=2) as room:
        (mail,) = room.render([PrintJob("spring-sale", "post", (piece(),))])
    assert len(mail.spans) == 1


def test_a_bug_in_a_process_keeps_its_traceback(tmp_path: Path) -> None:
    project = mail_project(tmp_path, letter_html())
    orders = [PrintJob("no such campaign", "post", tuple(piece(n) for n in range(60))) for _ in range(2)]
    with PressRoom(project, processes=2) as room, pytest.raises(RuntimeError) as broken:
        room.render(orders)
    assert re.fullmatch(
        r"a press broke down:\nTraceback .*\nKeyError: 'no such campaign'\n", str(broken.value), re.DOTALL
    )
