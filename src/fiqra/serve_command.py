"""`fiqra serve`: the tagger behind HTTP, with a page to use it from."""

import logging
import signal
import socket
from importlib.util import find_spec
from types import TracebackType
from typing import Annotated

import typer

from .console import DeviceOption, PrecisionOption, QuietOption, exit_codes, say, start_log
from .model.errors import FiqraError

_NEEDED = ("fastapi", "uvicorn", "fastapi_offline")
_PATIENCE = 600  # seconds in which requests that have begun may end: all that may wait, at ten paragraphs a second


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 for all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000,
    tagger: Annotated[str, typer.Option(help="A released tagger's name, or a tagger folder.")] = "fiqra-mini",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Serve a page to tag articles on, and an API: POST /v1/tag, GET /v1/labels, GET /healthz; /docs describes it.

    Only this machine reaches it unless --host says otherwise. It has no login and no TLS: put a proxy before it where
    others are to use it. Ctrl-C or SIGTERM ends it once what has begun is finished.

    Example: `fiqra serve --port 8080`
    """
    start_log(quiet)
    with exit_codes():
        missing = [name.replace("_", "-") for name in _NEEDED if find_spec(name) is None]
        if missing:
            raise FiqraError(f"'fiqra serve' needs {', '.join(missing)}: pip install 'fiqra[serve]'")
        listener = _listen(host, port)
        with listener:
            import uvicorn

            from .model.tagger import Tagger
            from .server import create_app

            app = create_app(Tagger.from_pretrained(tagger, device=device, precision=precision))
            _keep_texts_out_of_logs()
            config = uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_PATIENCE
            )
            for sign in (signal.SIGINT, signal.SIGTERM):
                signal.signal(sign, _ignore)  # uvicorn hands the signal on when it has ended in order: not an error
            say(f"listening on {_address(listener)} (API: /docs); Ctrl-C ends it")
            if not _is_loopback(listener):
                say("others can reach it: it has no login and no TLS")
            uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Open the socket before the tagger is loaded, so that a port that is taken is told at once."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise FiqraError(
            f"can't listen on {host} port {port}: {error.strerror}; choose another --port or --host"
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(listener: socket.socket) -> bool:
    host = str(listener.getsockname()[0])
    return host.startswith("127.") or host == "::1"


def _ignore(signal_number: int, frame: object) -> None:
    """Do nothing."""


class _NoStacks(logging.Formatter):
    """Names the kind of an error only: its text can quote an article, its stack shows paths."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return ei[0].__name__ if ei[0] else ""

    def formatStack(self, stack_info: str) -> str:
        return ""


def _keep_texts_out_of_logs() -> None:
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_NoStacks("%(message)s"))
    for name in ("trafilatura", "htmldate"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they say of a page can quote it
