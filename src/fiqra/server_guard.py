"""What stands around every request: limits, the headers that keep browsers safe, a log line, and the last resort."""

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .server_errors import Refused, reply, too_large, too_many

logger = logging.getLogger(__name__)

_DRAINED = 10  # times the limit on a body: read and dropped, so that the client gets to see the answer

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
# Swagger UI sets style attributes and draws its icons from data: addresses.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Guard:
    """ASGI middleware around the application.

    Args:
        most_body: Bytes of a request's body.
        most_requests: Requests to tag that are under way at once.
        body_seconds: How long a body may take to arrive.
    """

    def __init__(self, app: ASGIApp, *, most_body: int, most_requests: int, body_seconds: float) -> None:
        self._app = app
        self._most_body = most_body
        self._most_requests = most_requests
        self._body_seconds = body_seconds
        self._n_requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        counted = scope["method"] == "POST"
        try:
            self._n_requests += counted
            if counted and self._n_requests > self._most_requests:
                refused = too_many("requests at once", self._most_requests)
                await reply(refused)(scope, receive, exchange.send)
            else:
                await self._app(scope, self._limited(receive), exchange.send)
        except Exception as error:
            # Nothing of the error but its kind and place may go out: its text can quote an article.
            incident = uuid.uuid4().hex[:12]
            logger.error("incident %s: %s in %s", incident, type(error).__name__, _place(error))
            if not exchange.status:
                refused = Refused(500, "internal", f"a fault of the server; its log names it as incident {incident}")
                await reply(refused)(scope, receive, exchange.send)
        finally:
            self._n_requests -= counted
            exchange.log()

    def _limited(self, receive: Receive) -> Receive:
        """Return a `receive` that raises where the body grows too large, or comes too slowly."""
        read = 0
        ends: float | None = None

        async def limited() -> Message:
            nonlocal read, ends
            loop = asyncio.get_running_loop()
            ends = ends or loop.time() + self._body_seconds
            while True:
                try:
                    message = await asyncio.wait_for(receive(), ends - loop.time())
                except TimeoutError:
                    raise Refused(408, "too_slow", f"the body took over {self._body_seconds:g} seconds") from None
                read += len(message.get("body", b""))
                if read <= self._most_body:
                    return message
                if not message.get("more_body") or read > _DRAINED * self._most_body:
                    raise too_large("bytes in a request", self._most_body)

        return limited


class _Exchange:
    """One request and its answer: adds the headers, and knows what to log. The log holds nothing that was sent."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._begun = time.perf_counter()
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            is_docs = self._scope["path"].startswith("/docs")
            headers = {**_HEADERS, "content-security-policy": _DOCS_POLICY if is_docs else _POLICY}
            given = {name for name, _ in message["headers"]}
            if b"cache-control" not in given:
                headers["cache-control"] = "no-store" if self._scope["path"].startswith("/v1/") else "no-cache"
            own = [(name.encode(), value.encode()) for name, value in headers.items()]
            message = {**message, "headers": [*message["headers"], *own]}
        await self._send(message)

    def log(self) -> None:
        route: Any = self._scope.get("route")
        if route is None and self.status < 400:
            return  # a file of the page
        state: MutableMapping[str, Any] = self._scope.get("state") or {}
        logger.info(
            "%s %s %d %.0f ms%s",
            self._scope["method"] if route else "-",
            getattr(route, "path", "-"),
            self.status,
            1000 * (time.perf_counter() - self._begun),
            f" {state['n_paragraphs']} paragraphs" if "n_paragraphs" in state else "",
        )


def _place(error: BaseException) -> str:
    """Return module, function and line of an error, without the path of any file."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return "?"
    frame, line = frames[-1]
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{line}"
