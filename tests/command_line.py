"""The command line, called in this process."""

from click.testing import Result
from typer.testing import CliRunner

from fiqra.cli import app


def fiqra(*arguments: object, code: int = 0, input: str | bytes | None = None) -> Result:
    """Call `fiqra ARGUMENTS…`, which is to end with `code`, and not with an exception that nobody caught."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)
    assert result.exit_code == code and not isinstance(result.exception, Exception), (result.output, result.exception)
    return result
