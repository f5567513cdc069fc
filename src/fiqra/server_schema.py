"""What the server takes and gives, as pydantic models: the checks, and the OpenAPI description, follow from them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

MOST_BODY = 4_000_000  # bytes of a request
MOST_ARTICLES = 64  # a request
MOST_TEXT = 200_000  # characters of an article's text
MOST_HTML = 1_000_000  # characters of a page
MOST_TAGS = 20_000  # of a page: finding the main text takes the more time for each, the more there are
MOST_PARAGRAPHS = 1_000  # a request


def _check_text(value: str) -> str:
    if "\x00" in value:
        raise PydanticCustomError("null_byte", "holds a null character (U+0000)")
    if not value.strip():
        raise PydanticCustomError("empty", "is empty")
    return value


_checked = AfterValidator(_check_text)


class _Taken(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _ArticleFields(_Taken):
    id: Annotated[str, Field(max_length=2_000), _checked] | None = Field(
        default=None, description="Comes back in every record; by default the article's place in the request."
    )
    title: Annotated[str, Field(max_length=2_000), _checked] | None = None
    date: Annotated[str, Field(max_length=100), _checked] | None = Field(default=None, examples=["2026-01-31"])
    outlet: Annotated[str, Field(max_length=500), _checked] | None = None
    keep_all: bool = Field(default=False, description="Keep page remnants (share buttons, bare dates …) as paragraphs.")


class TextArticle(_ArticleFields):
    """An article as text: its paragraphs are cut at line breaks, a long one without any at sentence ends."""

    text: Annotated[str, Field(min_length=1, max_length=MOST_TEXT), _checked] = Field(
        examples=["دعا وزير الخارجية العراقي إلى وقف إطلاق النار."]
    )


class HtmlArticle(_ArticleFields):
    """An article as a page: main text, title, date and outlet are taken from it where they aren't given."""

    html: Annotated[str, Field(min_length=1, max_length=MOST_HTML), _checked]


def _kind(value: Any) -> str:
    """Tell the forms of a request apart by their keys."""
    keys = value if isinstance(value, Mapping) else ()
    return next((key for key in ("articles", "html") if key in keys), "text")


AnyArticle = Annotated[Annotated[TextArticle, Tag("text")] | Annotated[HtmlArticle, Tag("html")], Discriminator(_kind)]


class Articles(_Taken):
    """Several articles, tagged together; one that can't be read refuses them all."""

    articles: list[AnyArticle] = Field(min_length=1, max_length=MOST_ARTICLES)


TagRequest = Annotated[
    Annotated[TextArticle, Tag("text")] | Annotated[HtmlArticle, Tag("html")] | Annotated[Articles, Tag("articles")],
    Discriminator(_kind),
]


class ActorReply(_Given):
    """`text` is the paragraph's characters from `start` to `end`, counted as Unicode code points."""

    text: str
    start: int
    end: int


class PositionReply(_Given):
    """`actor` is null where the holder is implied."""

    actor: ActorReply | None
    topic: str
    stance: str
    prob: float | None


class ParagraphReply(_Given):
    """A tagged paragraph in full. `topic_probs` holds every topic, `topics` those that reach their threshold."""

    article: str
    para: int
    text: str
    date: str | None
    outlet: str | None
    topics: list[str]
    topic_probs: dict[str, float]
    positions: list[PositionReply]
    tagger: str


class RemnantReply(_Given):
    """A line left out as a page remnant; it stood before the paragraph of that index."""

    kind: str
    text: str
    before: int


class ArticleReply(_Given):
    id: str
    title: str | None
    date: str | None
    outlet: str | None
    paragraphs: list[ParagraphReply]
    remnants: list[RemnantReply]


class TagReply(_Given):
    """The articles in the order of the request."""

    tagger: str
    articles: list[ArticleReply]


class LabelReply(_Given):
    """`name` maps a language code to the name shown to people; `target` is what a stance on a topic is about."""

    id: str
    name: dict[str, str]
    definition: str
    target: str


class Thresholds(_Given):
    """The least probabilities at which the tagger reports a topic, a named actor's position and an implied one."""

    topics: dict[str, float]
    position: float
    implied_position: float


class LabelsReply(_Given):
    tagger: str
    version: str
    topics: list[LabelReply]
    stances: list[LabelReply]
    thresholds: Thresholds


class Health(_Given):
    status: Literal["ok"]
    tagger: str
    waiting: int = Field(description="Paragraphs that are waiting to be tagged, or being tagged.")


class LimitReply(_Given):
    what: str
    most: int


class Detail(_Given):
    """One mistake: where it stands, a word for programs, and what it is."""

    at: str
    code: str
    message: str


class Problem(_Given):
    code: str = Field(examples=["invalid"])
    message: str
    limit: LimitReply | None = None
    details: list[Detail] = []


class ErrorReply(_Given):
    """Every answer but 2xx has this form."""

    error: Problem
