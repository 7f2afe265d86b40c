"""`handbill api-key`: which other systems may bring events, orders and contacts."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at

if TYPE_CHECKING:
    from handbill.operations.api_keys import ApiKey

Name = Annotated[str, typer.Argument(metavar="NAME", help="The system that has the key.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the command line."""
    group = typer.Typer(help="Keys of other systems that bring events, orders and contacts.", no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(list_keys)
    group.command("revoke")(revoke)
    app.add_typer(group, name="api-key")


def create(
    name: Name,
    scope: Annotated[
        list[str], typer.Option("--scope", metavar="SCOPES", help="What it may bring: events, orders, contacts.")
    ],
    *,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: this once, because only its hash is kept.

    Example: handbill api-key create shop --scope events,orders
    """
    from handbill.operations.api_keys import create_key
    from handbill.operations.opening import opened

    scopes = [word.strip() for words in scope for word in words.split(",") if word.strip()]
    with opened(project) as (_project, _settings, engine):
        key = create_key(engine, name, scopes, now=clock_at(now)())
    if as_json:
        typer.echo(json.dumps({"name": name, "scopes": scopes, "key": key}, indent=2))
        return
    typer.echo(key)
    typer.echo("Keep it now: it is not shown again. Send it as `Authorization: Bearer KEY`.", err=True)


def list_keys(project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """List the keys, without the keys themselves.

    Example: handbill api-key list
    """
    from handbill.operations.api_keys import list_keys
    from handbill.operations.opening import opened

    with opened(project) as (_project, _settings, engine):
        keys = list_keys(engine)
    if as_json:
        typer.echo(json.dumps([_as_json(key) for key in keys], indent=2))
        return
    if not keys:
        typer.echo("There is no key yet. Make one: handbill api-key create NAME --scope events,orders,contacts")
    for key in keys:
        typer.echo(f"{key.name}: may bring {', '.join(key.scopes)}; {_standing(key)}")


def revoke(name: Name, project: ProjectDir = Path(), now: Now = None) -> None:
    """Make a key worthless at once. Its name stays in the list, and is not given again.

    Example: handbill api-key revoke shop
    """
    from handbill.operations.api_keys import revoke_key
    from handbill.operations.opening import opened

    with opened(project) as (_project, _settings, engine):
        revoke_key(engine, name, now=clock_at(now)())
    typer.echo(f"The key {name} opens nothing any more.", err=True)


def _standing(key: "ApiKey") -> str:
    if key.revoked_at:
        return f"revoked on {key.revoked_at:%Y-%m-%d}"
    used = f"last used on {key.used_at:%Y-%m-%d}" if key.used_at else "never used"
    return f"made on {key.created_at:%Y-%m-%d}, {used}"


def _as_json(key: "ApiKey") -> dict[str, object]:
    times = {name: getattr(key, name) for name in ("created_at", "used_at", "revoked_at")}
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        **{name: moment.isoformat() if moment else None for name, moment in times.items()},
    }
