"""No page of ours can be laid invisibly over another one, run a script, load anything, or be kept by others."""

from pathlib import Path

from sqlalchemy import Engine

from tests.web.visitors import open_shop, preferences_path, unsubscribe_path


def test_no_page_can_be_framed_or_load_anything(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store) as shop:
        answers = [shop.get(path) for path in (unsubscribe_path(), preferences_path(), "/subscribe", "/u/broken")]
        answers += [shop.send(path) for path in (unsubscribe_path(), preferences_path())]
    for answer in answers:
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert "script-src" not in policy
        assert policy["style-src"].startswith("'sha256-")
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
