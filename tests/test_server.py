"""The HTTP API as a client meets it: answers, refusals, limits, and what errors and logs keep to themselves."""

import asyncio
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fiqra import server
from fiqra.articles import build_article, extract_html
from fiqra.model.records import Article, Paragraph
from fiqra.server import create_app
from fiqra.server_queue import QueueFull, TaggingQueue
from fiqra.server_schema import MOST_ARTICLES, MOST_BODY, MOST_HTML, MOST_PARAGRAPHS, MOST_TAGS, MOST_TEXT

TEXT = (
    "أعلنت وزارة الدفاع السورية وقفا لإطلاق النار في الحسكة.\nشارك\nورحبت بغداد بالاتفاق ودعت إلى ضبط الحدود مع سوريا."
)
SECRET = "كلمةسرية"


@pytest.fixture(scope="module")
def client(tiny_tagger):
    with TestClient(create_app(tiny_tagger)) as client:
        yield client


class Gate:
    """A tagger that waits at a gate, and fails on a text that holds a certain word."""

    def __init__(self, tagger):
        self.settings, self.labels, self.id = tagger.settings, tagger.labels, tagger.id
        self.open, self.begun, self.batches = threading.Event(), threading.Event(), []
        self._tagger = tagger

    def tag_articles(self, articles):
        self.begun.set()
        assert self.open.wait(30)
        self.batches.append([article.id for article in articles])
        if any(SECRET in paragraph.text for article in articles for paragraph in article.paragraphs):
            raise ValueError(f"can't tag {SECRET} in /home/someone/file.py")
        return self._tagger.tag_articles(articles)


def tagged_alone(tagger, body=TEXT, **fields):
    return [paragraph.to_json() for paragraph in tagger.tag(build_article(body, **{"article_id": "text-0", **fields}))]


def test_one_text_comes_back_as_its_full_records(client, tiny_tagger):
    answer = client.post(
        "/v1/tag", json={"text": TEXT, "id": "a", "title": "عنوان", "date": "2026-01-02", "outlet": "صحيفة"}
    )
    assert answer.status_code == 200
    (article,) = answer.json()["articles"]
    assert article["paragraphs"] == tagged_alone(tiny_tagger, article_id="a", date="2026-01-02", outlet="صحيفة")
    assert article["remnants"] == [{"kind": "share button", "text": "شارك", "before": 1}]
    assert (article["id"], article["title"], answer.json()["tagger"]) == ("a", "عنوان", "tiny 0")
    assert len(article["paragraphs"]) == 2 and set(article["paragraphs"][0]["topic_probs"]) == set(
        tiny_tagger.labels.topic_ids
    )


def test_several_articles_come_back_in_order_with_pages_read(client, tiny_tagger, root):
    page = (root / "data/articles/03_border_wall.html").read_text(encoding="utf-8")
    answer = client.post(
        "/v1/tag",
        json={"articles": [{"text": TEXT}, {"html": page, "outlet": "أخرى"}, {"text": TEXT, "keep_all": True}]},
    )
    first, wall, whole = answer.json()["articles"]
    fields, body = extract_html(page)
    assert (wall["id"], wall["title"], wall["date"], wall["outlet"]) == (
        "text-1",
        fields["title"],
        "2025-11-12",
        "أخرى",
    )
    assert wall["paragraphs"] == tagged_alone(tiny_tagger, body, article_id="text-1", date="2025-11-12", outlet="أخرى")
    assert (first["id"], len(first["paragraphs"]), whole["id"], len(whole["paragraphs"])) == ("text-0", 2, "text-2", 3)


def test_labels_and_health(client, tiny_tagger):
    labels = client.get("/v1/labels").json()
    assert [topic["id"] for topic in labels["topics"]] == list(tiny_tagger.labels.topic_ids)
    assert labels["topics"][0]["name"]["ar"] == "وقف إطلاق النار"
    assert labels["thresholds"] == {
        "topics": dict.fromkeys(tiny_tagger.labels.topic_ids, 0.4),
        "position": 0.02,
        "implied_position": 0.02,
    }
    assert client.get("/healthz").json() == {"status": "ok", "tagger": "tiny 0", "waiting": 0}


def refused(answer, status, code):
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert SECRET not in answer.text and "Traceback" not in answer.text and ".py" not in answer.text
    return error


@pytest.mark.parametrize(
    ("body", "at", "code"),
    [
        ({}, "text", "missing"),
        (5, "body", "model_type"),
        ([{"text": SECRET}], "body", "model_type"),
        (None, "body", "model_type"),
        ({"text": 5}, "text", "string_type"),
        ({"text": None}, "text", "string_type"),
        ({"text": ""}, "text", "empty"),
        ({"text": " \n "}, "text", "empty"),
        ({"text": f"{SECRET}\x00"}, "text", "null_byte"),
        ({"text": f"{SECRET}\ud800"}, "text", "lone_surrogate"),
        ({"text": TEXT, "id": "\udfff"}, "id", "lone_surrogate"),
        ({"text": TEXT, "title": ["a"]}, "title", "string_type"),
        ({"text": TEXT, "date": 2026}, "date", "string_type"),
        ({"text": TEXT, "keep_all": "yes"}, "keep_all", "bool_type"),
        ({"text": TEXT, SECRET: 1}, "body", "unknown_key"),
        ({"text": TEXT, "\ud800": 1}, "body", "lone_surrogate"),
        ({"text": TEXT, "html": "<p>"}, "text", "unknown_key"),
        ({"articles": []}, "articles", "too_short"),
        ({"articles": SECRET}, "articles", "list_type"),
        ({"articles": [{"text": TEXT}, SECRET]}, "articles[1]", "model_type"),
        ({"articles": [{"text": TEXT}, {"html": 1}]}, "articles[1].html", "string_type"),
        ({"articles": [{"text": TEXT}, {"text": TEXT, "titel": SECRET}]}, "articles[1]", "unknown_key"),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused_with_its_place(client, body, at, code):
    error = refused(
        client.post("/v1/tag", content=json.dumps(body).encode(), headers={"content-type": "application/json"}),
        422,
        "invalid",
    )
    assert (error["details"][0]["at"], error["details"][0]["code"]) == (at, code)
    assert at in error["message"]


@pytest.mark.parametrize(
    ("article", "code"),
    [
        ({"text": "no Arabic here, but text"}, "no_arabic"),
        ({"text": "😀" * 50_000}, "no_arabic"),
        ({"text": "شارك\nطباعة"}, "only_remnants"),
        ({"html": "<p></p>"}, "no_main_text"),
        ({"html": "\ufeff<?xml version='1.0' encoding='utf-16'?><a>" + "<b>" * 5_000}, "no_main_text"),
    ],
)
def test_nothing_to_tag_is_refused_and_all_such_articles_are_named(client, article, code):
    error = refused(client.post("/v1/tag", json=article), 422, "nothing_to_tag")
    assert [detail["code"] for detail in error["details"]] == [code]
    error = refused(
        client.post("/v1/tag", json={"articles": [article, {"text": TEXT}, article]}), 422, "nothing_to_tag"
    )
    key = next(iter(article))
    assert [detail["at"] for detail in error["details"]] == [f"articles[0].{key}", f"articles[2].{key}"]


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"text": "\xff"}', b"[" * 100_000, b'{"text": ' + b"9" * 5_000 + b"}", b"\x00", "نص".encode("utf-16")],
)
def test_what_is_no_json_is_refused(client, content):
    refused(client.post("/v1/tag", content=content, headers={"content-type": "application/json"}), 400, "no_json")


def test_json_sent_as_plain_text_is_refused_with_the_cure(client):
    for headers in ({"content-type": "text/plain"}, {}):
        answer = client.post("/v1/tag", content=json.dumps({"text": TEXT}), headers=headers)
        assert "application/json" in refused(answer, 415, "no_json_type")["message"]


@pytest.mark.parametrize(
    ("body", "what", "most"),
    [
        ({"text": "ن" * (MOST_TEXT + 1)}, "characters in text", MOST_TEXT),
        ({"text": "😀" * 500_000}, "characters in text", MOST_TEXT),
        ({"html": "ن" * (MOST_HTML + 1)}, "characters in html", MOST_HTML),
        ({"html": "<p>" * (MOST_TAGS + 1)}, "tags in a page", MOST_TAGS),
        ({"text": TEXT, "title": "ن" * 2_001}, "characters in title", 2_000),
        ({"articles": [{"text": TEXT}] * (MOST_ARTICLES + 1)}, "articles", MOST_ARTICLES),
        ({"articles": [{"text": "أعلنت الوزارة ذلك اليوم.\n" * 60}] * 20}, "paragraphs in a request", MOST_PARAGRAPHS),
        ({"text": TEXT, "title": "ن" * MOST_BODY}, "bytes in a request", MOST_BODY),
    ],
)  # fmt: skip
def test_what_is_too_large_gets_413_and_the_limit(client, body, what, most):
    error = refused(client.post("/v1/tag", json=body), 413, "too_large")
    assert error["limit"] == {"what": what, "most": most}
    assert f"{most:,}" in error["message"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(st.characters(exclude_categories=())), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "html", "articles", "title", "id", "x", "\ud800"]), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_no_json_brings_a_fault(client, body):
    answer = client.post("/v1/tag", content=json.dumps(body).encode(), headers={"content-type": "application/json"})
    assert answer.status_code < 500
    assert answer.status_code == 200 or set(answer.json()) == {"error"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["<", ">", "</p>", "<p>", "<article>", "<table><tr>", "<!--", "<![CDATA[", "&#0;", "&#xD800;", "<meta charset=utf-7>", "<?xml encoding='x'?>", "أعلنت الوزارة وقف إطلاق النار.", "\u202e", "😀", '<script>"', "<svg/onload=1>"])).map("".join))  # fmt: skip
def test_no_page_brings_a_fault(client, page):
    answer = client.post("/v1/tag", json={"html": page})
    assert answer.status_code in (200, 422), answer.text


def test_other_addresses_and_methods_get_json_too(client):
    refused(client.get("/v2"), 404, "not_found")
    refused(client.get("/page/../server.py"), 404, "not_found")
    refused(client.get("/page/%2e%2e/server.py"), 404, "not_found")
    refused(client.get("/v1/tag"), 405, "method_not_allowed")


def test_too_many_requests_at_once_and_too_much_waiting_get_429(tiny_tagger):
    gate = Gate(tiny_tagger)
    with TestClient(create_app(gate, most_requests=2, most_waiting=3)) as client, ThreadPoolExecutor(4) as pool:
        first = pool.submit(client.post, "/v1/tag", json={"text": TEXT})
        assert gate.begun.wait(10)
        answer = client.post("/v1/tag", json={"text": TEXT})
        error = refused(answer, 429, "too_many")
        assert error["limit"] == {"what": "paragraphs waiting", "most": 3}
        assert int(answer.headers["retry-after"]) > 0
        second = pool.submit(client.post, "/v1/tag", json={"text": "أعلنت الوزارة وقف إطلاق النار."})
        while client.get("/healthz").json()["waiting"] < 3:
            pass
        assert (
            refused(client.post("/v1/tag", json={"text": TEXT}), 429, "too_many")["limit"]["what"] == "requests at once"
        )
        gate.open.set()
        assert first.result().status_code == second.result().status_code == 200
        assert client.post("/v1/tag", json={"text": TEXT}).status_code == 200


def test_a_fault_hits_only_its_own_request_and_says_nothing_of_the_text(tiny_tagger, caplog):
    caplog.set_level(logging.DEBUG)
    gate = Gate(tiny_tagger)
    with TestClient(create_app(gate)) as client, ThreadPoolExecutor(4) as pool:
        first = pool.submit(client.post, "/v1/tag", json={"text": TEXT})
        assert gate.begun.wait(10)
        bad = pool.submit(client.post, "/v1/tag", json={"text": f"أعلنت {SECRET} وقف إطلاق النار."})
        good = pool.submit(client.post, "/v1/tag", json={"text": TEXT})
        while client.get("/healthz").json()["waiting"] < 5:
            pass
        gate.open.set()
        assert first.result().json() == good.result().json()
        incident = refused(bad.result(), 500, "internal")["message"].split()[-1]
    said = "\n".join(logging.Formatter().format(record) for record in caplog.records if record.name.startswith("fiqra"))
    assert incident in said and "ValueError" in said and "POST /v1/tag 500" in said
    assert SECRET not in said and "/home" not in said and "Traceback" not in said


def test_requests_of_several_clients_share_batches_and_get_their_own_answers(tiny_tagger):
    gate = Gate(tiny_tagger)
    texts = [f"{TEXT}\nوقالت المصادر إن اللقاء رقم {i} عقد في بغداد." for i in range(20)]
    with TestClient(create_app(gate)) as client, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(client.post, "/v1/tag", json={"text": text}) for text in texts]
        while client.get("/healthz").json()["waiting"] < 60:
            pass
        gate.open.set()
        for text, answer in zip(texts, answers, strict=True):
            (article,) = answer.result().json()["articles"]
            alone = tagged_alone(tiny_tagger, text)
            assert [p["text"] for p in article["paragraphs"]] == [p["text"] for p in alone]
            for ours, own in zip(article["paragraphs"], alone, strict=True):
                assert ours["topic_probs"] == pytest.approx(own["topic_probs"], abs=1e-4)
    assert len(gate.batches) <= 3


def articles(name, n_articles, n_paragraphs):
    return [Article(f"{name}{i}", tuple(Paragraph(k, "نص") for k in range(n_paragraphs))) for i in range(n_articles)]


def test_a_long_request_does_not_keep_short_ones_waiting_and_closing_finishes_all():
    batches = []

    def tag(batch):
        batches.append([article.id for article in batch])
        return [[article.id] for article in batch]

    async def run():
        queue = TaggingQueue(tag, batch=4, most_waiting=20)
        long = asyncio.create_task(queue.tag(articles("long", 8, 2)))
        short = asyncio.create_task(queue.tag(articles("short", 1, 1)))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await queue.tag(articles("more", 1, 4))
        queue.start()
        await queue.close()
        assert await short == [["short0"]]
        assert await long == [[f"long{i}"] for i in range(8)]
        assert queue.waiting == 0

    asyncio.run(run())
    assert batches[0] == ["long0", "short0", "long1"]


def test_closing_does_not_wait_for_requests_that_nobody_awaits_any_more():
    gate, batches = threading.Event(), []

    def tag(batch):
        assert gate.wait(30)
        batches.append([article.id for article in batch])
        return [[] for _ in batch]

    async def run():
        queue = TaggingQueue(tag, batch=1)
        queue.start()
        first = asyncio.create_task(queue.tag(articles("first", 1, 1)))
        await asyncio.sleep(0.01)
        given_up = asyncio.create_task(queue.tag(articles("given up", 3, 1)))
        await asyncio.sleep(0.01)
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.sleep(0.01)
        gate.set()
        await asyncio.wait_for(closing, 10)
        assert await first == [[]]

    asyncio.run(run())
    assert batches == [["first0"]]


def test_a_body_that_dawdles_gets_408(tiny_tagger):
    sent = []

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": "/v1/tag", "raw_path": b"/v1/tag", "query_string": b"", "headers": headers, "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"}  # fmt: skip
    asyncio.run(create_app(tiny_tagger, body_seconds=0.05)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error"]["code"] == "too_slow"


def test_nothing_on_the_pages_comes_from_another_host(client):
    for address in ("/", "/docs"):
        answer = client.get(address)
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert not any(
            sign in answer.text for sign in ("http://", "https://", 'src="//', 'href="//', "<script>", " on", " style=")
        )
    assert "'unsafe-inline'" not in client.get("/").headers["content-security-policy"]
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"docs/files/{name}" in client.get("/docs").text
        assert len(client.get(f"/docs/files/{name}").content) > 100_000
    assert client.get("/v1/labels").headers["cache-control"] == "no-store"
    for header, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")):
        assert client.get("/v2").headers[header] == value


def test_the_description_tells_every_limit_and_error(client):
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/v1/tag", "/v1/labels", "/healthz"}
    assert {"200", "400", "408", "413", "415", "422", "429", "500"} == set(
        described["paths"]["/v1/tag"]["post"]["responses"]
    )
    schemas = described["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert schemas["TextArticle"]["properties"]["text"]["maxLength"] == MOST_TEXT
    assert schemas["Articles"]["properties"]["articles"]["maxItems"] == MOST_ARTICLES
    for number in (MOST_ARTICLES, MOST_PARAGRAPHS, MOST_BODY, MOST_TEXT, MOST_HTML, server.MOST_REQUESTS):
        assert f"{number:,}" in described["info"]["description"]
