"""What goes wrong in a request -> JSON of one form, which names place, limit and cure, and quotes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .model.errors import did_you_mean
from .server_schema import Articles, Detail, ErrorReply, HtmlArticle, LimitReply, Problem, TextArticle

_KNOWN_KEYS = tuple(dict.fromkeys((*TextArticle.model_fields, *HtmlArticle.model_fields, *Articles.model_fields)))
_FORMS = ("text", "html", "articles")
_NAMES = {404: ("not_found", "no such address"), 405: ("method_not_allowed", "this address takes another method")}
_MOST_DETAILS = 50
_WORDS = {
    "missing": ("missing", "is missing"),
    "string_too_short": ("empty", "is empty"),
    "string_unicode": ("lone_surrogate", "holds half of a surrogate pair, which is no character"),
}
_TOO_LONG = {"string_too_long": "characters", "too_long": "articles"}

RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorReply, "description": "The body is no JSON."},
    408: {"model": ErrorReply, "description": "The body took too long to arrive."},
    413: {"model": ErrorReply, "description": "More than a limit on size allows; the error says which."},
    415: {"model": ErrorReply, "description": "The request does not say that it is JSON."},
    422: {"model": ErrorReply, "description": "The body has another form, or an article has nothing to tag."},
    429: {"model": ErrorReply, "description": "Too much is waiting already; try again after `Retry-After` seconds."},
    500: {"model": ErrorReply, "description": "A fault of the server, whose log has more."},
}


class Refused(HTTPException):
    """A request that is not taken, with its reason in the server's own words."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        limit: tuple[str, int] | None = None,
        details: Sequence[Detail] = (),
    ) -> None:
        super().__init__(status, message, {"Retry-After": "5"} if status == 429 else None)
        self.problem = Problem(
            code=code,
            message=message,
            limit=LimitReply(what=limit[0], most=limit[1]) if limit else None,
            details=list(details),
        )


def too_large(what: str, most: int, details: Sequence[Detail] = ()) -> Refused:
    return Refused(413, "too_large", f"too large: at most {most:,} {what}", limit=(what, most), details=details)


def too_many(what: str, most: int) -> Refused:
    message = f"too much at once: at most {most:,} {what}; try again later"
    return Refused(429, "too_many", message, limit=(what, most))


def add_error_handlers(app: FastAPI) -> None:
    """Give every error the form of `ErrorReply`."""

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method == "POST" and not media_type.endswith(("/json", "+json")):
            return reply(Refused(415, "no_json_type", "send JSON with the header Content-Type: application/json"))
        return reply(_refusal(error.errors()))

    @app.exception_handler(HTTPException)
    async def _refused(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error, Refused):
            return reply(error)
        if error.status_code == 400:
            return reply(Refused(400, "no_json", "the body can't be read as JSON in UTF-8"))
        code, message = _NAMES.get(error.status_code, ("refused", "the request is not taken"))
        refused = Refused(error.status_code, code, message)
        refused.headers = error.headers
        return reply(refused)


def reply(refused: Refused) -> JSONResponse:
    content = ErrorReply(error=refused.problem).model_dump()
    return JSONResponse(content, refused.status_code, dict(refused.headers or {}))


def _refusal(errors: Sequence[Mapping[str, Any]]) -> Refused:
    """Turn pydantic's errors into one refusal. What the client sent is never repeated, nor are its unknown keys."""
    if errors[0]["type"] == "json_invalid":
        return Refused(400, "no_json", f"the body is no JSON: {errors[0]['ctx']['error']} at {errors[0]['loc'][-1]}")
    details = [_detail(error) for error in errors[:_MOST_DETAILS]]
    for error in errors:
        if error["type"] in _TOO_LONG:
            limit = error["ctx"]["max_length"]
            place = _place(error["loc"])
            what = _TOO_LONG[error["type"]] + (f" in {place.rpartition('.')[2]}" if place != "articles" else "")
            return too_large(what, limit, details)
    return Refused(
        422, "invalid", "; ".join(f"{detail.at}: {detail.message}" for detail in details[:3]), details=details
    )


def _detail(error: Mapping[str, Any]) -> Detail:
    place, kind = error["loc"], str(error["type"])
    if kind == "extra_forbidden":
        key = str(place[-1])
        own = key in _KNOWN_KEYS
        message = f"can't stand beside {place[-2]!r}" if own else f"unknown key{did_you_mean(key, _KNOWN_KEYS)}"
        return Detail(at=_place(place if own else place[:-1]), code="unknown_key", message=message)
    message = str(error["msg"])
    if kind in ("model_type", "model_attributes_type"):
        kind, message = (
            "model_type",
            "expected an object with text or html" + ("" if "articles" in place else ", or with articles"),
        )
    code, message = _WORDS.get(kind, (kind, message))
    return Detail(at=_place(place), code=code, message=message)


def _place(loc: Sequence[Any]) -> str:
    """Write a place such as `articles[2].text`; the names of the forms that pydantic puts between are left out."""
    parts: list[str] = []
    previous: Any = None
    for part in loc[1:]:
        is_form = part in _FORMS and (previous is None or isinstance(previous, int))
        if isinstance(part, int):
            parts.append(f"[{part}]")
        elif not is_form:
            parts.append(f".{part}")
        previous = part
    return "".join(parts).removeprefix(".") or "body"
