"""The report: its numbers, its intervals, and that every number leads to its sentences."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from command_line import fiqra

from fiqra.ledger import LedgerRow
from fiqra.ledger_files import write_ledger
from fiqra.model.errors import DataError
from fiqra.results import render_page
from fiqra.situation import build_situation, newcombe, wilson

NAMES = {"iq": "العراق", "tr": "تركيا", "hamas": "حماس"}


def row(actor, topic, stance, date, article, prob=0.5):
    name = NAMES.get(actor, actor)
    text = f"وقال <b>{name or 'أحدهم'}</b> رأيه في المقالة {article}."
    return LedgerRow(
        date=date, outlet="صحيفة", article=article, para=0, quote=text, quote_start=0, quote_end=len(text),
        actor_text=name, actor_start=name and 8, actor_end=name and 8 + len(name),
        actor_id=actor if actor in NAMES else None, actor_name=name, actor_kind="state" if actor in NAMES else None,
        actor_root=actor if actor in NAMES else None, actor_root_name=name if actor in NAMES else None,
        actor_rule="implied" if actor is None else "name" if actor in NAMES else "unknown",
        topic=topic, stance=stance, prob=prob, tagger="tiny 0", text=text,
    )  # fmt: skip


ROWS = [
    *(row("iq", "ceasefire", "favor", "2026-01-05", f"a{i}", 0.5 + i / 100) for i in range(10)),
    *(row("iq", "ceasefire", "against", "2026-02-05", f"b{i}") for i in range(10)),
    row("iq", "ceasefire", "favor", "2026-01-05", "a0", 0.2),  # the same article says it again
    row("tr", "ceasefire", "favor", "2026-01-09", "a1"),
    row("tr", "detainees", "neutral", "2026-01-09", "a1"),
    row("hamas", "ceasefire", "against", "2026-02-09", "b1"),
    row("خلف المطلك", "diplomacy", "favor", None, "c"),
    row(None, "diplomacy", "against", "2026-02-09", "b2"),
]


@pytest.fixture
def situation(labels):
    return build_situation(ROWS, labels)


@pytest.fixture
def page(situation, labels):
    return render_page("situation.html", labels, s=situation)


def test_an_article_counts_once_and_the_share_has_wilsons_interval(situation):
    cell = situation.cells["iq"]["ceasefire"]
    assert cell.counts == {"favor": 10, "against": 10}
    assert len(cell.quotes) == 21  # but each of its sentences is there
    share = cell.share
    # Wilson 1927 for 10 of 20: 0.299 to 0.701
    assert (share.n, share.of, round(share.low, 3), round(share.high, 3)) == (10, 20, 0.299, 0.701)
    assert situation.cells["tr"]["detainees"].share is None  # neutral alone: no share of nothing


def test_intervals_are_those_of_the_literature():
    # Newcombe 1998, table II, row (a), 56/70 against 48/80: 0.2000, by method 10 0.0524 to 0.3339
    low, high = newcombe(wilson(48, 80), wilson(56, 70))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert wilson(0, 0) is None


def test_what_changed_since_the_last_period(situation):
    (change,) = situation.changes
    assert (change.actor.id, change.topic, change.before.value, change.after.value) == ("iq", "ceasefire", 1.0, 0.0)
    assert change.sure and change.high < 0
    assert [node.id for node in situation.new] == ["hamas"]
    assert [node.id for node in situation.silent] == ["tr"]
    assert situation.undated == 1


def test_who_agrees_and_who_does_not(situation):
    agreeing = {(pair.a.id, pair.b.id): (pair.agree, pair.disagree) for pair in situation.agreeing}
    assert agreeing == {("iq", "tr"): (10, 10), ("hamas", "iq"): (10, 10)}
    opposed = {(pair.a.id, pair.b.id): pair.disagree for pair in situation.opposed}
    assert opposed == {("iq", "tr"): 10, ("hamas", "iq"): 10, ("hamas", "tr"): 1}


def test_only_the_most_active_are_shown_by_name_and_nothing_is_lost(labels):
    found = build_situation(ROWS, labels, n_actors=1, n_quotes=3)
    assert [node.id for node in found.actors] == ["iq", "others", "implied"]
    cells = [cell for own in found.cells.values() for cell in own.values()]
    assert sum(len(cell.quotes) + cell.more for cell in cells) == len(ROWS)
    assert max(len(cell.quotes) for cell in cells) == 3
    surest = [quote.row.prob for quote in found.cells["iq"]["ceasefire"].quotes]
    assert surest == sorted((r.prob for r in ROWS[:21]), reverse=True)[:3]


def test_a_foreign_label_set_is_told(labels):
    with pytest.raises(DataError, match="the label set has no water"):
        build_situation([row("iq", "water", "favor", None, "a")], labels)


class Page(HTMLParser):
    """Collects ids, links, tags, and the blockquotes inside each element with an id of a cell."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags, self.quotes = [], [], Counter(), Counter()
        self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags[tag] += 1
        if "id" in found:
            self.ids.append(found["id"])
            self._cell = found["id"]
        if tag == "a":
            self.links.append(found["href"])
        if tag == "blockquote":
            self.quotes[self._cell] += 1


def test_every_number_leads_to_its_sentences(page, situation):
    found = Page(page)
    assert len(found.ids) == len(set(found.ids))
    assert found.links and all(link.removeprefix("#") in found.ids for link in found.links)
    for cells in (situation.cells, situation.by_time):
        for own in cells.values():
            for cell in own.values():
                assert found.quotes[cell.id] == len(cell.quotes) > 0
                assert f"#{cell.id}" in found.links


def test_the_page_is_arabic_self_contained_and_escaped(page):
    assert '<html lang="ar" dir="rtl">' in page
    assert not re.search(r'(?:src|href)="(?!#)', page) and "<script" not in page
    assert "&lt;b&gt;" in page and "<b>العراق" not in page
    assert "prefers-color-scheme: dark" in page and "@media print" in page
    assert '<mark class="s-favor">العراق</mark>' in page
    assert "50٪" in page and "30–70" in page


@pytest.mark.parametrize(("window", "periods"), [("month", 2), ("quarter", 1), ("year", 1), ("all", 1)])
def test_the_command_writes_a_page_for_every_window(tmp_path, window, periods):
    write_ledger(tmp_path / "l.csv", ROWS)
    out = tmp_path / "r.html"
    result = fiqra("report", tmp_path / "l.csv", "-o", out, "--window", window)
    assert f"{len(ROWS)} positions of 24 articles" in result.stderr
    assert ("ليس في السجلّ مدّتان" in out.read_text(encoding="utf-8")) == (periods < 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["l.csv", "-o", "r.pdf"], "end its name in .html"), (["no.csv", "-o", "r.html"], "no such file"), (["l.csv", "-o", "no/r.html"], "no folder")],
)  # fmt: skip
def test_mistakes_end_with_code_2(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    write_ledger(tmp_path / "l.csv", ROWS[:1])
    assert said in fiqra("report", *arguments, code=2).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["l.csv"]
