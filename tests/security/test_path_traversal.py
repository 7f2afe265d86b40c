"""No name leads out of the folder that it belongs to: of a template, an include, a campaign, a file or an address."""

import shutil
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from handbill.clock import Clock
from handbill.definitions.loading import load_project
from handbill.errors import HandbillError, ProjectInvalid
from handbill.operations.collect import collect
from handbill.rendering.email import compile_email
from handbill.rendering.environment import make_environment
from tests.operations.shop import make_project, make_settings
from tests.rendering.projects import mail
from tests.rendering.projects import make_project as project_with
from tests.web.serving import service_for, serving

OUTSIDE = ("../secret", "../../etc/passwd", "/etc/passwd", "..\\secret", "....//secret", "%2e%2e/secret",
           "sub/../../secret",
           "./../secret", "link", "~/secret", "secret\x00.mjml", "file:///etc/passwd")  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_template_lies_below_templates(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.mjml").write_text(mail("<mj-text>secret</mj-text>"))
    (tmp_path / "templates" / "email").mkdir(parents=True)
    (tmp_path / "templates" / "email" / "link.mjml").symlink_to(tmp_path / "secret.mjml")
    # Refused, in whatever words: `handbill check` has refused such names before.
    with pytest.raises((HandbillError, ValueError, NotImplementedError)):
        project = project_with(tmp_path, email_of_all={"template": name})
        compile_email(project, project.campaigns["spring-sale"], "plain")


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("tag", ['<mj-include path="{}" />', '{{% include "{}" %}}', '{{% extends "{}" %}}'])
def test_an_include_lies_below_templates(tmp_path: Path, name: str, tag: str) -> None:
    (tmp_path / "secret").write_text("secret words")
    files = {"email/spring.mjml": mail(f"<mj-text>x</mj-text>{tag.format(name)}")}
    project = project_with(tmp_path, files)
    (tmp_path / "templates" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ProjectInvalid) as refused:
        compile_email(project, project.campaigns["spring-sale"], "plain")
    assert "secret words" not in str(refused.value)
    assert make_environment(project).templates.path_of(name) is None


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", ".hidden", "a\\b", "evil\n", "", "a b"])
def test_a_campaign_has_a_name_that_is_no_path(tmp_path: Path, name: str) -> None:
    make_project(tmp_path, 25)
    file = tmp_path / "campaigns.yaml"
    file.write_text(file.read_text().replace("  spring:", f"  {name!r}:".replace("\\\\", "\\")))
    with pytest.raises(ProjectInvalid):
        load_project(tmp_path)


def test_a_segment_that_is_a_link_to_elsewhere_reads_as_what_it_holds_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("root:x:0:0:the words of a secret")
    shop = tmp_path / "shop"
    make_project(shop, 25)
    (shop / "segments" / "evil.yaml").symlink_to(tmp_path / "outside" / "secret")
    with pytest.raises(ProjectInvalid) as refused:
        load_project(shop)
    assert "the words of a secret" not in str(refused.value)


def test_a_file_in_the_inbox_stays_in_the_inbox(store: Engine, tmp_path: Path, clock: Clock) -> None:
    project = make_project(tmp_path / "shop", 25)
    settings = make_settings(project.root, store)
    inbox = settings.work_dir / "inbox"
    inbox.mkdir(parents=True)
    outside = tmp_path / "outside.csv"
    outside.write_text("external_id,email\nC-1,one@example.org\n")
    shutil.copy(outside, inbox / "contacts-..-..-evil.csv")
    collect(store, project, settings, clock=clock)
    assert sorted(path.relative_to(inbox).as_posix() for path in inbox.rglob("*.csv")) == [
        "done/contacts-..-..-evil.csv"
    ]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".csv") == ["outside.csv"]


def test_no_address_of_the_web_service_reads_a_file(store: Engine, tmp_path: Path, clock: Clock) -> None:
    project = make_project(tmp_path / "shop", 25)
    (project.root / "secret.txt").write_text("the words of a secret")
    paths = ("/../secret.txt", "/%2e%2e/secret.txt", "/reports/..%2f..%2fsecret.txt", "/shared/../../secret.txt",
             "/u/..%2fsecret.txt", "//etc/passwd", "/reports/%00", "/.handbill/handbill.db",
             "/campaigns.yaml")  # fmt: skip
    with serving(service_for(project.root, project, store, clock)) as url:
        for path in paths:
            request = requests.Request("GET", url).prepare()
            request.url = f"{url}{path}"  # as it is: requests would tidy it up
            with requests.Session() as client:
                answer = client.send(request, timeout=60, allow_redirects=False)
            assert answer.status_code in (303, 400, 404), path
            assert "the words of a secret" not in answer.text
