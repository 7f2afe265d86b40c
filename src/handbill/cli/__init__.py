"""The command line: one module a command group; errors become lines and exit codes here."""

import gc
import sys
import traceback

from handbill.errors import ExitCode, HandbillError


def main() -> None:
    """Runs the command line and ends the process with the exit code of `handbill.errors`."""
    code = invoke(sys.argv[1:])
    gc.freeze()  # Python would look through all that is loaded for rubbish once more: a fifth of a short command's time
    sys.exit(code)


def invoke(arguments: list[str]) -> int:
    """Runs one command; answers its exit code. Results go to stdout, everything else to stderr."""
    try:
        from handbill.cli.app import app  # here, so that an interrupt while it loads ends as quietly as later

        app(arguments, prog_name="handbill")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - the last resort, which decides whose fault it is
        return _report(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _report(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):
        return ExitCode.DONE  # the reader, such as `head`, has seen enough
    if isinstance(error, HandbillError):
        print(error, file=sys.stderr)
        return error.exit_code
    traceback.print_exception(error)
    print("This is a bug in Handbill. Please report it with the lines above.", file=sys.stderr)
    return ExitCode.BUG
