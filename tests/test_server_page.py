"""The page at / in a real browser: what a reader sees, does and takes away, and what an article can't do to it."""

import csv
import io
import json
import re
import shutil
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api

from fiqra.model.records import Actor, Article, Position, TaggedParagraph
from fiqra.results import CsvResults
from fiqra.server import create_app

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")

# What the canned tagger says of a paragraph: topics, and positions as (actor, topic, stance, probability).
CANNED = {
    "😀 أعلنت وزارة الدفاع السورية وقفا لإطلاق النار، ورحبت بغداد بالاتفاق.": (
        {"ceasefire": 0.97, "diplomacy": 0.55},
        [("وزارة الدفاع السورية", "ceasefire", "favor", 0.91), ("بغداد", "ceasefire", "neutral", 0.62), ("بغداد", "diplomacy", "favor", 0.45)],
    ),
    "ورفضت قسد نقل المحتجزين، وقيل إن الطلب غير مقبول.": (
        {"detainees": 0.88},
        [("قسد", "detainees", "against", 0.71), (None, "detainees", "against", 0.5)],
    ),
    "ارتفعت أسعار الخضار في أسواق دمشق مع بداية الأسبوع.": ({}, []),
    "<img src=x onerror=\"document.title='hacked'\"> قال <b>متحدث</b> إن الحدود مضبوطة &amp; آمنة.": (
        {"border_security": 0.9},
        [("<b>متحدث</b>", "border_security", "favor", 0.8)],
    ),
    '=HYPERLINK("http://x"), قال المتحدث "نعم" للاتفاق.': (
        {"diplomacy": 1.0},
        [('=HYPERLINK("http://x"), قال المتحدث "نعم"', "diplomacy", "favor", 0.3333333)],
    ),
}  # fmt: skip
NEWS, REFUSAL, MARKET, NASTY, FORMULA = CANNED
TEXT = f"آخر تحديث: 12.03.2026 | 10:15\n{NEWS}\nشارك\n{REFUSAL}\n{MARKET}\nاقرأ أيضا: الهدنة في أسبوعها الأول"


def canned(tagger):
    def tag(article, paragraph):
        probs, positions = CANNED[paragraph.text]

        def position(actor, topic, stance, prob):
            start = paragraph.text.index(actor) if actor else 0
            return Position(Actor(actor, start, start + len(actor)) if actor else None, topic, stance, prob)

        rest = {topic: 0.125 for topic in tagger.labels.topic_ids if topic not in probs}
        return TaggedParagraph(article.id, paragraph.index, paragraph.text, tuple(probs), {**probs, **rest}, tuple(position(*entry) for entry in positions), tagger.id, article.date, article.outlet)  # fmt: skip

    def tag_articles(articles):
        return [[tag(article, paragraph) for paragraph in article.paragraphs] for article in articles]

    return SimpleNamespace(settings=tagger.settings, labels=tagger.labels, id=tagger.id, tag_articles=tag_articles)


@pytest.fixture(scope="module")
def address(tiny_tagger, live):
    with live(create_app(canned(tiny_tagger))) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"], timeout=120_000)  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens the page; it must load nothing from elsewhere and log no error."""
    contexts, troubles = [], []

    def open_(path="/", **options):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, "locale": "ar", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on(
            "request",
            lambda request: (
                troubles.append(request.url) if not request.url.startswith((address, "blob:", "data:")) else None
            ),
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on(
            "console",
            lambda message: (
                troubles.append(message.text) if message.type == "error" and "status of 4" not in message.text else None
            ),
        )
        page.goto(address + path)
        if path == "/":
            page.wait_for_selector("html[data-ready]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not troubles


def tag(page, text=TEXT):
    page.fill("#text", text)
    page.click("text=حلّل النص")
    page.wait_for_selector("#results-title:focus")


def texts(page, selector):
    return [" ".join(text.split()) for text in page.locator(selector).all_inner_texts()]


def test_an_article_is_shown_paragraph_by_paragraph_right_to_left(open_page):
    page = open_page()
    tag(page)
    assert page.evaluate("getComputedStyle(document.querySelector('.para .text')).direction") == "rtl"
    assert texts(page, ".para .head")[0] == "0 وقف إطلاق النار 97٪ دبلوماسية 55٪"
    assert texts(page, "mark") == ["وزارة الدفاع السورية", "بغداد", "قسد"]
    assert texts(page, ".positions li") == [
        "1 وزارة الدفاع السورية مؤيد وقف إطلاق النار 91٪",
        "2 بغداد محايد وقف إطلاق النار 62٪",
        "3 بغداد مؤيد دبلوماسية 45٪",
        "1 قسد معارض محتجزون 71٪",
        "2 صاحب الموقف مضمر معارض محتجزون 50٪",
    ]
    assert texts(page, "#articles .remnant .kind") == ["تُرك: تاريخ", "تُرك: زر مشاركة", "تُرك: رابط ذو صلة"]
    order = page.evaluate(
        "[...document.querySelectorAll('#articles .para, #articles .remnant')].map((node) => node.classList[0])"
    )
    assert order == ["remnant", "para", "remnant", "para", "para", "remnant"]
    assert "الفقرات: 3 · ذات موضوع: 2 · المواقف: 5 · بقايا متروكة: 3" in page.inner_text("#count")
    assert page.inner_text("#status") == "تم."


def test_what_comes_from_an_article_is_text_and_never_html(open_page):
    page = open_page()
    page.click("summary:has-text('العنوان')")
    page.fill("#title", "<script>document.title='hacked'</script>")
    page.fill("#outlet", "<i onclick=x>وسيلة</i>")
    tag(page, NASTY)
    assert page.inner_text(".para .text").startswith("<img src=x onerror=")
    assert page.inner_text("mark") == "<b>متحدث</b>"
    assert page.inner_text(".news h3") == "<script>document.title='hacked'</script>"
    assert page.locator("#results").locator("img, script, b, i").count() == 0
    page.set_input_files(
        "#files", [{"name": "<img src=x onerror=alert(1)>.doc", "mimeType": "text/plain", "buffer": b"x"}]
    )
    page.wait_for_selector("#errors li")
    assert page.inner_text("#errors").startswith("<img src=x onerror=alert(1)>.doc:")
    assert page.locator("img").count() == 0
    assert page.title() == "فقرة · fiqra"


def test_the_policy_stops_scripts_and_html_that_get_in_all_the_same(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'http://example.org/x.png', id: 'other'}))"
    )
    page.evaluate("document.body.append(Object.assign(document.createElement('p'), {id: 'p'}))")
    assert "TrustedHTML" in page.evaluate(
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done' } catch (error) { return String(error) } })()"
    )
    for dangerous in (
        "setAttribute('onclick', 'document.title = 1')",
        "append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))",
    ):
        assert "Trusted" in page.evaluate(
            f"(() => {{ try {{ document.getElementById('p').{dangerous}; return 'done' }} catch (error) {{ return String(error) }} }})()"
        )
    assert page.evaluate("document.getElementById('other').naturalWidth") == 0
    page.close()


def test_the_slider_hides_what_is_less_likely_and_starts_at_the_taggers_thresholds(open_page):
    page = open_page()
    tag(page)
    assert page.inner_text("#least-shown") == "عتبات النموذج"
    assert (page.get_attribute("#least", "min"), page.input_value("#least")) == ("2", "2")
    page.locator("#least").fill("60")
    assert page.inner_text("#least-shown") == page.get_attribute("#least", "aria-valuetext") == "60٪"
    assert texts(page, "#articles .chips")[0] == "وقف إطلاق النار 97٪"
    assert [row.split()[-1] for row in texts(page, ".positions li")] == ["91٪", "62٪", "71٪"]
    assert page.locator("#table tbody tr").count() == 3
    page.locator("#least").focus()
    page.keyboard.press("End")
    assert page.inner_text("#count").startswith("الأخبار: 1 · الفقرات: 3 · ذات موضوع: 0 · المواقف: 0")
    assert texts(page, "#table tbody") == ["لا مواقف ظاهرة"]
    page.click("text=أظهر الكل")
    sync_api.expect(page.locator(".positions li")).to_have_count(5)


def test_filters_by_topic_stance_and_actor(open_page):
    page = open_page()
    tag(page)
    page.check("input[value=detainees]", force=True)
    assert texts(page, "#articles .para .text")[0].startswith("ورفضت") and page.locator(".para").count() == 1
    page.uncheck("input[value=detainees]", force=True)
    page.check("input[value=favor]", force=True)
    assert [row.split()[-1] for row in texts(page, ".positions li")] == ["91٪", "45٪"]
    assert page.locator(".remnant").count() == 0
    options = texts(page, "#actor option")
    assert options[:2] == ["الكل", "بغداد (2)"]
    assert set(options[2:]) == {"قسد (1)", "مضمر (1)", "وزارة الدفاع السورية (1)"}
    page.select_option("#actor", label="بغداد (2)")
    assert texts(page, ".positions li") == ["1 بغداد مؤيد دبلوماسية 45٪"]
    page.click("text=أظهر الكل")
    sync_api.expect(page.locator(".positions li")).to_have_count(5)
    page.select_option("#actor", label="مضمر (1)")
    assert texts(page, ".positions li") == ["1 صاحب الموقف مضمر معارض محتجزون 50٪"]


def test_the_table_is_sorted_by_keyboard_and_leads_to_the_paragraph(open_page):
    page = open_page()
    tag(page)
    page.locator("th[data-key=prob] button").focus()
    page.keyboard.press("Enter")
    assert page.get_attribute("th[data-key=prob]", "aria-sort") == "ascending"
    assert texts(page, "#table td:last-child") == ["45٪", "50٪", "62٪", "71٪", "91٪"]
    page.keyboard.press("Space")
    assert texts(page, "#table td:last-child") == ["91٪", "71٪", "62٪", "50٪", "45٪"]
    assert page.locator("th[aria-sort]").count() == 1
    assert "تنازليًا" in page.inner_text("#status")
    page.click("#table tbody tr:nth-child(2) a")
    assert page.locator(":target .text").inner_text().startswith("ورفضت قسد")


def saved(page, kind):
    with page.expect_download() as download:
        page.click(f"[data-format={kind}]")
    assert re.fullmatch(rf"fiqra-\d{{4}}-\d\d-\d\d\.{kind}", download.value.suggested_filename)
    return download.value.path().read_bytes()


def test_files_to_take_away_hold_what_is_shown(open_page, address, labels, tmp_path, browser):
    page = open_page()
    with page.expect_response("**/v1/tag") as answer:
        tag(page, "\n".join(CANNED))
    records = [TaggedParagraph.from_json(record, labels) for record in answer.value.json()["articles"][0]["paragraphs"]]
    expected = io.StringIO(newline="")
    CsvResults(expected).write(Article("x", ()), records)
    content = saved(page, "csv")
    assert content == b"\xef\xbb\xbf" + expected.getvalue().encode()
    assert "'=HYPERLINK" in expected.getvalue()
    lines = saved(page, "jsonl").decode().splitlines()
    assert [json.loads(line) for line in lines] == [record.to_json() for record in records]
    path = tmp_path / "saved.html"
    path.write_bytes(saved(page, "html"))
    alone = browser.new_context(offline=True, java_script_enabled=False).new_page()
    alone.goto(path.as_uri())
    assert texts(alone, ".para .text") == texts(page, ".para .text")
    assert alone.evaluate("getComputedStyle(document.querySelector('.chip')).backgroundColor") == page.evaluate(
        "getComputedStyle(document.querySelector('#articles .chip')).backgroundColor"
    )
    assert alone.evaluate(
        "[document.dir, document.documentElement.lang, document.characterSet, document.querySelectorAll('script, img, link').length]"
    ) == ["rtl", "ar", "UTF-8", 0]
    alone.context.close()
    page.check("input[value=against]", force=True)
    rows = list(csv.DictReader(io.StringIO(saved(page, "csv").decode("utf-8-sig"))))
    assert [(row["actor"], row["stance"], row["prob"]) for row in rows] == [
        ("قسد", "against", "0.71"),
        ("", "against", "0.5"),
    ]


def test_files_are_read_in_their_encodings_and_what_cannot_be_read_is_named(open_page, root):
    page = open_page()
    files = [("a.txt", MARKET.encode()), ("b.txt", REFUSAL.encode("cp1256")), ("c.txt", MARKET.encode("utf-16")), ("d.html", f"<html><head><title>خبر الرفض</title></head><body><article><p>{REFUSAL}</p></article></body></html>".encode()), ("e.txt", b""), ("f.txt", b"\xff\xfeA"), ("g.txt", b"caf\xe9"), ("h.txt", b"\x00"), ("i.docx", b"PK")]  # fmt: skip
    page.set_input_files(
        "#files", [{"name": name, "mimeType": "text/plain", "buffer": content} for name, content in files]
    )
    page.wait_for_selector("#results-title:focus")
    assert [text.split("\n")[0] for text in page.locator("#articles h3").all_inner_texts()] == [
        "a.txt",
        "b.txt",
        "c.txt",
        "خبر الرفض",
    ]
    plain = [re.sub(r"(?<=قسد)1", "", text) for text in texts(page, ".para .text")]
    assert plain == [MARKET, REFUSAL, MARKET, REFUSAL]
    errors = texts(page, "#errors li")
    assert [error.split(":")[0] for error in errors] == ["e.txt", "f.txt", "g.txt", "h.txt", "i.docx"]
    assert "UTF-8" in errors[2] and "U+0000" in errors[3] and ".html" in errors[4]
    assert page.inner_text("#count").startswith("الأخبار: 4")


def test_files_can_be_dropped_anywhere(open_page):
    page = open_page()
    page.evaluate(
        """(text) => {
        const data = new DataTransfer();
        data.items.add(new File([text], "dropped.txt"));
        document.querySelector("footer, main").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }""",
        MARKET,
    )
    page.wait_for_selector("#results-title:focus")
    assert page.inner_text(".news h3") == "dropped.txt"


def test_errors_are_told_in_words(open_page):
    page = open_page()
    page.click("text=حلّل النص")
    assert page.inner_text("#errors") == "الصق نص خبر، أو اختر ملفات."
    assert page.evaluate("document.activeElement.id") == "text"
    assert page.get_attribute("#text", "aria-invalid") == "true"
    for text, said in (("no Arabic", "لا نص عربيًا هنا"), ("ن" * 200_001, "أكبر من الحد: 200,000 حرف في النص")):
        page.set_input_files("#files", [{"name": "a.txt", "mimeType": "text/plain", "buffer": text.encode()}])
        sync_api.expect(page.locator("#errors")).to_have_text(f"a.txt: {said}")
    assert page.is_hidden("#results")


def test_a_busy_server_is_asked_again_and_one_can_stop(open_page):
    page = open_page()
    calls = []

    def busy(route):
        calls.append(route.request.url)
        if len(calls) == 1:
            route.fulfill(status=429, headers={"Retry-After": "0"}, json={"error": {"code": "too_many"}})
        else:
            route.continue_()

    page.route("**/v1/tag", busy)
    tag(page)
    assert len(calls) == 2
    page.unroute("**/v1/tag")
    page.route(
        "**/v1/tag",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "600"}, json={"error": {"code": "too_many"}}),
    )
    page.click("text=حلّل النص")
    page.click("text=أوقف")
    sync_api.expect(page.locator("#status")).to_have_text("أُوقف التحليل.")
    assert page.is_visible("#results") and page.is_hidden("#stop")


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 375)], ids=["light", "dark", "phone"]
)
def test_axe_finds_no_barrier(open_page, scheme, width):
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    for prepare in (lambda: None, lambda: tag(page, "\n".join([TEXT, *list(CANNED)[3:]]))):
        prepare()
        if width < 960 and page.is_visible("#results"):
            page.click("text=الترشيح والتنزيل")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_everything_is_reached_by_keyboard_in_order_with_visible_focus(open_page):
    page = open_page()
    page.fill("#text", TEXT)
    page.locator("#text").focus()
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#results-title:focus")
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        name, ring = page.evaluate(
            """() => {
            const node = document.activeElement;
            const holder = node.classList.contains("unseen") ? node.parentElement : node;
            return [node.id || node.value || node.dataset.format || node.closest("th")?.dataset.key || node.type || node.className || node.tagName, getComputedStyle(holder).outlineStyle];
            }"""
        )
        if name == "BODY":
            break
        assert ring not in ("none", ""), name
        seen.append(name)
    assert seen[:13] == ["least", "ceasefire", "detainees", "border_security", "diplomacy", "favor", "against", "neutral", "actor", "reset", "csv", "jsonl", "html"]  # fmt: skip
    assert seen[13] == "scroll" and seen[14:19] == ["place", "holder", "stance", "topic", "prob"]


def test_the_description_of_the_api_is_drawn_without_another_host(open_page):
    page = open_page("/docs")
    page.wait_for_selector(".opblock-post")
    assert "/v1/tag" in page.inner_text("#swagger-ui")
