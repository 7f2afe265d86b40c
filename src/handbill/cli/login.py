"""`handbill login`: which colleagues may look at the reports of the web service."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, ProjectDir

Name = Annotated[str, typer.Argument(metavar="NAME", help="The colleague's name at sign-in.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    help_ = "Colleagues who may look at reports. Passwords are asked for on a terminal, else read from stdin."
    group = typer.Typer(help=help_, no_args_is_help=True)
    for command in (add, password, remove):
        group.command(command.__name__)(command)
    group.command("list")(list_)
    app.add_typer(group, name="login")


def add(name: Name, project: ProjectDir = Path()) -> None:
    """Let a colleague sign in.

    Example: handbill login add ann
    """
    from handbill.clock import real_clock
    from handbill.operations.audit import operator
    from handbill.operations.logins import add_login
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    with opened_store(load_settings(project)) as engine:
        add_login(engine, name, _password(), now=real_clock(), doer=operator())
    typer.echo(f"{name} may sign in.")


def password(name: Name, project: ProjectDir = Path()) -> None:
    """Set another password; the colleague is signed out everywhere.

    Example: handbill login password ann
    """
    from handbill.clock import real_clock
    from handbill.operations.audit import operator
    from handbill.operations.logins import set_password
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    with opened_store(load_settings(project)) as engine:
        set_password(engine, name, _password(), now=real_clock(), doer=operator())
    typer.echo(f"{name} has another password, and is signed out everywhere.")


def remove(name: Name, project: ProjectDir = Path()) -> None:
    """Sign a colleague out everywhere and let them in no more.

    Example: handbill login remove ann
    """
    from handbill.clock import real_clock
    from handbill.operations.audit import operator
    from handbill.operations.logins import remove_login
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    with opened_store(load_settings(project)) as engine:
        remove_login(engine, name, now=real_clock(), doer=operator())
    typer.echo(f"{name} may sign in no more.")


def list_(project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """Show who may sign in.

    Example: handbill login list
    """
    from handbill.operations.logins import list_logins
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    with opened_store(load_settings(project)) as engine:
        found = list_logins(engine)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False, default=str))
        return
    for each in found:
        typer.echo(f"{each.name}  added {each.added_at:%Y-%m-%d}, password of {each.changed_at:%Y-%m-%d}")
    if not found:
        typer.echo("Nobody may sign in yet. Add somebody with `handbill login add NAME`.")


def _password() -> str:
    """Typed twice without being shown, or the first line of stdin."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
