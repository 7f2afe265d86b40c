"""Which commands there are, each registered by the module of its group."""

from importlib import import_module

import typer

from handbill import __version__

# In the order of `handbill --help`: begin, look, send, learn, operate.
GROUPS = (
    "init", "demo", "check", "schema", "rehearse", "imports", "segment", "preview",
    "plan", "calendar", "send_test", "run", "decide", "control", "ingest",
    "report", "evaluate", "power", "explain", "verify",
    "contact", "suppression", "login", "audit", "housekeeping",
    "serve", "api_key", "up", "deploy", "doctor", "database", "keys",
)  # fmt: skip

app = typer.Typer(
    help="Marketing campaigns as code: declared in YAML, delivered by e-mail and post, measured as experiments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a pretty traceback prints local variables, and with them personal data
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


for group in GROUPS:
    import_module(f"handbill.cli.{group}").register(app)
