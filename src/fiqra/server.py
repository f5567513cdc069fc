"""The HTTP server's application: articles in, full records out, and the page that shows them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from .articles import FAULTS, build_article, extract_html, fault_of
from .model.errors import DataError
from .model.records import Article
from .model.tagger import Tagger
from .server_errors import RESPONSES, Refused, add_error_handlers, too_large, too_many
from .server_guard import Guard
from .server_queue import MOST_WAITING, QueueFull, Tagged, TaggingQueue
from .server_schema import (
    MOST_ARTICLES,
    MOST_BODY,
    MOST_HTML,
    MOST_PARAGRAPHS,
    MOST_TAGS,
    MOST_TEXT,
    Articles,
    Detail,
    Health,
    HtmlArticle,
    LabelsReply,
    TagReply,
    TagRequest,
    TextArticle,
)

MOST_REQUESTS = 128  # under way at once
BODY_SECONDS = 30.0

_PAGE = Path(str(files("fiqra") / "page"))
_DOCS_FILES = Path(str(files("fastapi_offline") / "static"))  # Swagger UI, which FastAPI would load from another host
_ABOUT = f"""Topics of Arabic news paragraphs, and who takes which stance on them.

A request holds at most {MOST_ARTICLES} articles, {MOST_PARAGRAPHS:,} paragraphs and {MOST_BODY:,} bytes; a text
{MOST_TEXT:,} characters, a page {MOST_HTML:,} and {MOST_TAGS:,} tags. At most {MOST_REQUESTS} requests are under way
and {MOST_WAITING:,} paragraphs waiting at once; beyond that the answer is 429, to be tried again after `Retry-After`
seconds."""


def create_app(
    tagger: Tagger,
    *,
    most_requests: int = MOST_REQUESTS,
    most_waiting: int = MOST_WAITING,
    body_seconds: float = BODY_SECONDS,
) -> FastAPI:
    """Build the application around one tagger, which all requests share."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.queue = TaggingQueue(tagger.tag_articles, most_waiting=most_waiting)
        app.state.queue.start()
        yield
        await app.state.queue.close()

    app = FastAPI(title="fiqra", version="1", description=_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, most_body=MOST_BODY, most_requests=most_requests, body_seconds=body_seconds)
    add_error_handlers(app)
    _add_api(app, tagger)
    _add_pages(app)
    return app


def _add_api(app: FastAPI, tagger: Tagger) -> None:
    decoding, labels = tagger.settings.decoding, tagger.labels.to_json()
    thresholds = {
        "topics": dict(zip(tagger.labels.topic_ids, decoding.topic_thresholds, strict=True)),
        "position": decoding.position_threshold,
        "implied_position": decoding.implied_threshold,
    }

    @app.post("/v1/tag", response_model=TagReply, responses=RESPONSES)
    async def tag(request: Request, body: TagRequest) -> object:
        """Tag one article, or several in one request: every paragraph's topics and positions, in full."""
        asked = body.articles if isinstance(body, Articles) else [body]
        articles = await asyncio.to_thread(_read_all, asked, is_list=isinstance(body, Articles))
        request.state.n_paragraphs = sum(len(article.paragraphs) for article in articles)
        if request.state.n_paragraphs > MOST_PARAGRAPHS:
            raise too_large("paragraphs in a request", MOST_PARAGRAPHS)
        try:
            tagged = await app.state.queue.tag(articles)
        except QueueFull as error:
            raise too_many("paragraphs waiting", error.most) from None
        return {"tagger": tagger.id, "articles": list(map(_article_reply, articles, tagged))}

    @app.get("/v1/labels", response_model=LabelsReply)
    async def read_labels() -> object:
        """Give topics and stances, in order, with their names and meaning, and the tagger's thresholds."""
        return {"tagger": tagger.id, **labels, "thresholds": thresholds}

    @app.get("/healthz", response_model=Health)
    async def read_health() -> object:
        """Say that the server is up, and how many paragraphs it still has to tag."""
        return {"status": "ok", "tagger": tagger.id, "waiting": app.state.queue.waiting}


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_PAGE / "docs.html")

    app.mount("/docs/files", StaticFiles(directory=_DOCS_FILES))
    app.mount("/page", StaticFiles(directory=_PAGE))


def _read_all(asked: Sequence[TextArticle | HtmlArticle], *, is_list: bool) -> list[Article]:
    """Cut articles into paragraphs, or refuse them, naming all that can't be read."""
    articles: list[Article] = []
    faults: list[Detail] = []
    for i, one in enumerate(asked):
        read = _read(one, i)
        if isinstance(read, Article):
            articles.append(read)
        else:
            key = "html" if isinstance(one, HtmlArticle) else "text"
            faults.append(Detail(at=f"articles[{i}].{key}" if is_list else key, code=read[0], message=read[1]))
    if faults:
        message = "; ".join(f"{fault.at}: {fault.message}" for fault in faults[:3])
        raise Refused(422, "nothing_to_tag", message, details=faults)
    return articles


def _read(asked: TextArticle | HtmlArticle, i: int) -> Article | tuple[str, str]:
    """Return the article, or why there is none: a word for programs and one for people."""
    found: dict[str, str | None] = {}
    if isinstance(asked, HtmlArticle):
        if asked.html.count("<") > MOST_TAGS:
            raise too_large("tags in a page", MOST_TAGS)
        try:
            found, body = extract_html(asked.html)
        except DataError as error:
            return "no_main_text", str(error)
    else:
        body = asked.text
    article = build_article(
        body,
        article_id=asked.id or f"text-{i}",
        title=asked.title or found.get("title"),
        date=asked.date or found.get("date"),
        outlet=asked.outlet or found.get("outlet"),
        keep_all=asked.keep_all,
    )
    fault = fault_of(article, body)
    if fault == "only_remnants":
        return fault, f"{FAULTS[fault]} ({len(article.remnants)} lines); keep_all keeps them"
    return (fault, FAULTS[fault]) if fault else article


def _article_reply(article: Article, tagged: Tagged) -> dict[str, object]:
    return {
        "id": article.id,
        "title": article.title,
        "date": article.date,
        "outlet": article.outlet,
        "paragraphs": [paragraph.to_json() for paragraph in tagged],
        "remnants": [
            {"kind": remnant.kind, "text": remnant.text, "before": remnant.before} for remnant in article.remnants
        ],
    }
