"""The audit: the estimator by enumeration and simulation, the sheet's way out and back, and every mistake in it."""

import csv
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from command_line import fiqra

from fiqra.audit_design import Design, draw, plan, share_out
from fiqra.audit_shares import Checked, stance_share, topic_share
from fiqra.audit_sheet import Labels, tagged_labels, write_sheet
from fiqra.audit_table import SharesTable
from fiqra.audit_verdicts import CheckedSheet, read_sheet
from fiqra.model.errors import DataError
from fiqra.model.records import Actor, Position, TaggedParagraph

C, D = "ceasefire", "diplomacy"
STANCES = ("favor", "against", "neutral")
TEXT = "رحبت الحكومة العراقية بالهدنة في الحسكة، ودعت دمشق إلى محادثات جديدة مع بغداد."
IRAQ, DAMASCUS = Actor("الحكومة العراقية", 5, 21), Actor("دمشق", 46, 50)


def tagged(i, topics=(), positions=(), prob=0.9, date=None):
    probs = {t: prob if t in topics else 1 - prob for t in (C, "detainees", "border_security", D)}
    return TaggedParagraph(f"a{i}", 0, TEXT, tuple(topics), probs, tuple(positions), "t", date=date)


# The estimator


def two_strata():
    return Design(("a", "b"), np.array([0, 0, 0, 0, 1, 1, 1]), np.array([4, 3]), np.array([2, 2]))


def test_over_all_samples_totals_and_variances_are_right_on_average():
    """The 18 samples of this design, all of them: no bias, and the variance is that which the totals have."""
    design = two_strata()
    true = np.array([1, 0, 1, 1, 0, 2, 0.0])
    said = np.array([1, 1, 0, 1, 0, 0, 1.0])
    other = np.array([0, 1, 1, 0, 3, 0, 1.0])
    totals, variances, covariances = [], [], []
    for first in itertools.combinations(range(4), 2):
        for second in itertools.combinations(range(4, 7), 2):
            index = np.array(first + second)
            checked = Checked(design, index)
            error, other_error = (true - said)[index], (other - said)[index]
            totals.append((checked.total(said, true[index]), checked.total(said, other[index])))
            variances.append(checked.covariance(error, error))
            covariances.append(checked.covariance(error, other_error))
    assert np.mean(totals, axis=0) == pytest.approx([true.sum(), other.sum()])
    assert np.mean(variances) == pytest.approx(np.var([total for total, _ in totals]))
    assert np.mean(covariances) == pytest.approx(np.cov(*zip(*totals, strict=True), bias=True)[0, 1])


def test_where_all_is_checked_the_share_is_the_truth():
    design = replace(two_strata(), n_sampled=np.array([4, 3]))
    checked = Checked(design, np.arange(7))
    true, said = np.array([1, 0, 1, 1, 0, 1, 0.0]), np.array([1, 1, 0, 1, 0, 0, 1.0])
    share = topic_share(checked, said, true, np.ones(7, bool))
    assert (share.value, share.low, share.high) == (4 / 7, 4 / 7, 4 / 7)
    share = stance_share(checked, (said * 0, said), (true * [1, 1, 1, 0, 0, 0, 0], true), np.ones(7, bool))
    assert (share.value, share.low, share.high) == pytest.approx((0.5, 0.5, 0.5))


def test_no_error_found_is_not_no_error():
    """With 100 of 10,000 checked and all right, about 3 in 100 may still be wrong."""
    design = Design(("all",), np.zeros(10_000, dtype=np.intp), np.array([10_000]), np.array([100]))
    said = np.zeros(10_000)
    said[:5000] = 1
    index = draw(design, 0)
    share = topic_share(Checked(design, index), said, said[index], np.ones(10_000, bool))
    assert share.value == 0.5
    assert 0.02 < share.high - 0.5 < 0.04
    assert 0.5 - share.low == pytest.approx(share.high - 0.5)


def test_a_base_that_may_be_nothing_says_nothing():
    design = Design(("all",), np.zeros(1000, dtype=np.intp), np.array([1000]), np.array([20]))
    said, index = np.zeros(1000), np.arange(20)
    said[:2] = 1
    share = stance_share(Checked(design, index), (said, said), (said[index], said[index]), np.ones(1000, bool))
    assert (share.low, share.high) == (0, 1)
    assert stance_share(Checked(design, index), (0 * said, 0 * said), (np.zeros(20),) * 2, said > 1).value is None


def test_the_sample_is_shared_out_as_no_other_division_is_better():
    size, spread, n = np.array([30, 12, 5]), np.array([0.2, 0.5, 0.9]), 15
    own = share_out(n, size, spread)
    variances = {
        taken: sum(size**2 * spread**2 / np.array(taken))
        for taken in itertools.product(*(range(2, s + 1) for s in size))
        if sum(taken) == n
    }
    assert sum(size**2 * spread**2 / own) == pytest.approx(min(variances.values()))
    assert share_out(47, size, spread).tolist() == size.tolist()
    assert share_out(20, np.array([1, 100]), np.array([1.0, 1.0])).tolist() == [1, 19]


def biased(rng, n, *, base, recall, false_alarms, confusion, knows_doubt=True):
    """Paragraphs as a tagger with these errors sees them, and whether each is on the topic and with which stance."""
    truth, stance = rng.random(n) < base, rng.choice(3, n, p=(0.5, 0.2, 0.3))
    seen = np.where(truth, rng.random(n) < recall, rng.random(n) < false_alarms)
    said = np.array([rng.choice(3, p=confusion[s]) for s in stance])
    prob = 1 - np.where((seen == truth) | (not knows_doubt), rng.beta(1.5, 8, n), rng.beta(2, 3, n)) / 2
    paragraphs = [
        tagged(i, (C,) if on else (), [Position(None, C, STANCES[s], 0.8)] if on else (), p)
        for i, (on, s, p) in enumerate(zip(seen, said, prob, strict=True))
    ]
    return paragraphs, truth, stance


SURE = ((0.95, 0.03, 0.02), (0.05, 0.9, 0.05), (0.05, 0.05, 0.9))
SCENARIOS = {
    "false alarms": {"base": 0.2, "recall": 0.95, "false_alarms": 0.15, "confusion": SURE},
    "misses": {"base": 0.3, "recall": 0.5, "false_alarms": 0.01, "confusion": SURE},
    "neutral taken for favor": {
        "base": 0.3, "recall": 0.9, "false_alarms": 0.05, "confusion": ((0.95, 0, 0.05), (0.2, 0.7, 0.1), (0.6, 0, 0.4)),
    },
    "a rare topic": {"base": 0.05, "recall": 0.7, "false_alarms": 0.05, "confusion": SURE},
    "sure of its errors": {
        "base": 0.3, "recall": 0.7, "false_alarms": 0.05, "confusion": SURE, "knows_doubt": False,
    },
    "nearly no errors": {"base": 0.3, "recall": 0.97, "false_alarms": 0.005, "confusion": SURE},
}  # fmt: skip


def simulate(scenario, labels, *, n=1500, n_sample=150, n_populations=4, n_draws=50):
    """Return how often the intervals hold the truth: {share: (corrected, the tagger's raw count)}."""
    hits = {name: [] for name in ("topic", "topic in the first month", *STANCES)}
    raw = {name: [] for name in hits}
    for population in range(n_populations):
        paragraphs, truth, stance = biased(np.random.default_rng(population), n, **SCENARIOS[scenario])
        on = np.array([float(C in p.topics) for p in paragraphs])
        said = np.array([[float(any(q.stance == s for q in p.positions)) for s in STANCES] for p in paragraphs])
        true = truth.astype(float)
        held = true[:, None] * (stance[:, None] == np.arange(3))
        everywhere, month = np.ones(n, bool), np.arange(n) < n // 3
        design = plan(paragraphs, labels, n_sample)
        wanted = [true.mean(), true[month].mean(), *(held.sum(axis=0) / true.sum())]
        counts = [(on.sum(), n), (on[month].sum(), month.sum()), *((s, on.sum()) for s in said.sum(axis=0))]
        for name, want, (part, whole) in zip(hits, wanted, counts, strict=True):
            p = part / whole
            raw[name].append(abs(p - want) <= 1.96 * np.sqrt(p * (1 - p) / whole))
        for seed in range(n_draws):
            index = draw(design, seed)
            checked = Checked(design, index)
            shares = [
                topic_share(checked, on, true[index], everywhere),
                topic_share(checked, on * month, (true * month)[index], month),
                *(stance_share(checked, (said[:, s], on), (held[index, s], true[index]), everywhere) for s in range(3)),
            ]
            for name, want, share in zip(hits, wanted, shares, strict=True):
                hits[name].append(share.low <= want <= share.high)
    return {name: (float(np.mean(hits[name])), float(np.mean(raw[name]))) for name in hits}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_intervals_hold_the_truth_whatever_the_taggers_bias(scenario, labels):
    found = simulate(scenario, labels)
    assert min(corrected for corrected, _ in found.values()) >= 0.93
    biased_shares = {
        "false alarms": ("topic", "topic in the first month"),
        "misses": ("topic", "topic in the first month"),
        "neutral taken for favor": ("favor", "against", "neutral"),
        "a rare topic": ("topic",),
        "sure of its errors": ("topic", "topic in the first month"),
        "nearly no errors": (),
    }[scenario]
    assert all(found[name][1] <= 0.6 for name in biased_shares)


# Strata


def test_strata_follow_topic_stance_and_probability_as_far_as_the_sample_allows(labels):
    paragraphs = [tagged(i, prob=0.6 + i / 500) for i in range(100)]
    paragraphs += [tagged(100 + i, (C,), [Position(IRAQ, C, "favor", 0.7)], prob=0.6 + i / 250) for i in range(50)]
    paragraphs += [tagged(150 + i, (C, D), [Position(None, D, "against", 0.7)]) for i in range(10)]
    fine, middle, coarse = (plan(paragraphs, labels, n).names for n in (60, 24, 20))
    assert "no topic, unsure" in fine and "ceasefire, favor, sure" in fine
    assert middle == coarse == ("ceasefire, favor", "diplomacy, against", "no topic")
    design = plan(paragraphs, labels, 60)
    assert design.n_stratum.sum() == 160
    assert design.n_sampled.sum() == 60
    share = dict(zip(design.names, design.n_sampled / design.n_stratum, strict=True))
    assert share["no topic, unsure"] > share["no topic, sure"]
    with pytest.raises(DataError, match="expected 20 or more, and at most the 160"):
        plan(paragraphs, labels, 161)
    with pytest.raises(DataError, match="expected 20 or more"):
        plan(paragraphs, labels, 19)


def test_every_paragraph_has_the_chance_that_is_told(labels):
    design = plan([tagged(i, (C,) if i % 3 else ()) for i in range(90)], labels, 30)
    drawn = np.zeros(90)
    for seed in range(2000):
        drawn[draw(design, seed)] += 1
    chance = (design.n_sampled / design.n_stratum)[design.stratum]
    assert drawn / 2000 == pytest.approx(chance, abs=0.05)
    assert len(set(draw(design, 1))) == 30


# The sheet


@pytest.fixture
def predictions(tmp_path):
    """Forty paragraphs of two months; the tagger sees a ceasefire in every second and Iraq in favor of it."""
    paragraphs = [
        tagged(
            i,
            (C,) if i % 2 else (),
            [Position(IRAQ, C, "favor", 0.8)] if i % 2 else (),
            date=f"2024-0{1 + i % 4 // 2}-05",
        )
        for i in range(40)
    ]
    path = tmp_path / "tags.jsonl"
    path.write_text("".join(json.dumps(p.to_json(), ensure_ascii=False) + "\n" for p in paragraphs), encoding="utf-8")
    return path, paragraphs


def read_rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path, rows, *, delimiter=",", encoding="utf-8-sig"):
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def sheet(predictions, tmp_path):
    """A drawn sheet in which all is right: (path, rows)."""
    path = tmp_path / "sample.csv"
    fiqra("audit", "sample", predictions[0], "--sample", 20, "-o", path)
    rows = read_rows(path)
    for row in rows:
        row["verdict"] = {"paragraph": "done", "missed": ""}.get(row["item"], "right")
    return path, rows


def first(rows, item):
    return next(row for row in rows if row["item"] == item)


def test_the_sheet_opens_in_excel_and_keeps_the_design(sheet, predictions, labels):
    path, rows = sheet
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert len({row["key"] for row in rows}) == 20
    for row in rows:
        assert float(row["inclusion_prob"]) == pytest.approx(int(row["n_sampled"]) / int(row["n_stratum"]), abs=1e-6)
    position = first(rows, "position")
    assert (position["topic"], position["actor"], position["stance"]) == (C, IRAQ.text, "favor")
    assert f"[{IRAQ.text}]" in position["text"]
    assert first(rows, "paragraph")["text"] == TEXT


def test_a_checked_sheet_comes_back_however_excel_saves_it(sheet, predictions, labels):
    path, rows = sheet
    position, topic = first(rows, "position"), first(rows, "topic")
    position["verdict"], position["true_stance"] = "خطأ", "against"
    missed = next(row for row in rows if row["item"] == "missed" and row["key"] == position["key"])
    missed |= {"true_topic": D, "true_actor": DAMASCUS.text, "true_stance": "favor"}
    rows.append({**missed, "true_actor": "implied", "true_stance": "neutral"})
    bare = next(row for row in rows if row["item"] == "missed" and row["key"] not in (position["key"], topic["key"]))
    bare["true_topic"] = "detainees"
    rows = sorted(rows, key=lambda row: row["text"])
    for delimiter in ",;\t":
        write_rows(path, rows, delimiter=delimiter)
        read = read_sheet(path, predictions[1], labels)
        assert len(read.index) == 20 and read.n_unchecked == 0
        by_article = {predictions[1][i].article: own for i, own in zip(read.index, read.labels, strict=True)}
        assert by_article[position["article"]] == Labels(
            frozenset({C, D}),
            frozenset({(IRAQ.text, C, "against"), ("دمشق", D, "favor"), (None, D, "neutral")}),
        )
        assert "detainees" in by_article[bare["article"]].topics


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: first(rows, "topic").update(verdict=""), "no verdict on the topic; expected 'right' or 'wrong'"),
        (lambda rows: first(rows, "topic").update(verdict="rigth"), "unknown verdict 'rigth' (did you mean 'right'?)"),
        (
            lambda rows: rows[rows.index(first(rows, "topic")) - 1].update(verdict=""),
            "no verdict on the paragraph; expected 'done'",
        ),
        (lambda rows: rows.append(dict(first(rows, "topic"))), "judged twice: the same topic stands in row"),
        (lambda rows: rows.remove(first(rows, "position")), "taken away: the row position ceasefire"),
        (lambda rows: first(rows, "position").update(stance="against"), "altered: position ceasefire"),
        (lambda rows: first(rows, "paragraph").update(text="؟؟؟؟ نص آخر"), "altered: the text is not that of"),
        (
            lambda rows: first(rows, "paragraph").update(key="p000"),
            "key 'p000' is of no paragraph of these predictions",
        ),
        (lambda rows: first(rows, "paragraph").update(sample="v1-20-00"), "rows of several samples"),
        (
            lambda rows: [row.update(sample="v9-20-00") for row in rows],
            "a sample of design v9; this version of fiqra reads",
        ),
        (lambda rows: [row.update(sample="v1-20-00") for row in rows], "was not drawn from these predictions"),
        (lambda rows: rows.append({**rows[-1], "key": "", "true_topic": D}), "no key; to add a row, copy one"),
        (lambda rows: rows[0].update(text="ن" * 200_000), "not a CSV file: field larger than field limit"),
        (lambda rows: [row.pop("key") for row in rows], "no column key; expected what 'fiqra audit sample' wrote"),
        (lambda rows: first(rows, "position").update(true_stance="against"), "verdict 'right', but a true_… cell"),
        (lambda rows: first(rows, "topic").update(verdict="wrong"), "the topic is marked as wrong"),
        (lambda rows: first(rows, "topic").update(true_topic=D), "what was missed belongs in a row of its own"),
        (
            lambda rows: first(rows, "missed").update(true_topic="ceasfire"),
            "found 'ceasfire' (did you mean 'ceasefire'?)",
        ),
        (lambda rows: first(rows, "missed").update(topic=D), "belongs in true_topic, true_actor and true_stance"),
        (
            lambda rows: first(rows, "missed").update(true_topic=D, true_stance="favor"),
            "true_actor: expected words of the text, or 'implied', found ''",
        ),
        (
            lambda rows: first(rows, "missed").update(true_topic=D, true_stance="favor", true_actor="طهران"),
            "true_actor: expected words of the text, or 'implied', found 'طهران'",
        ),
        (
            lambda rows: [rows.remove(row) for row in [r for r in rows if r["key"] == rows[0]["key"]]],
            "1 of the 20 sampled paragraphs are not in the file",
        ),
    ],
)
def test_every_mistake_is_told_with_its_row_and_nothing_is_written(sheet, predictions, tmp_path, change, said):
    path, rows = sheet
    change(rows)
    write_rows(path, rows)
    out = tmp_path / "shares.csv"
    assert said in fiqra("audit", "estimate", predictions[0], path, "-o", out, code=2).stderr
    assert not out.exists()


def test_missing_verdicts_stop_it_unless_partial(sheet, predictions, tmp_path):
    path, rows = sheet
    keys = list(dict.fromkeys(row["key"] for row in rows))
    for row in rows:
        if row["key"] in keys[14:]:
            row["verdict"] = ""
    write_rows(path, rows)
    out = tmp_path / "shares.csv"
    arguments = ("audit", "estimate", predictions[0], path, "-o", out)
    assert "6 paragraphs have no verdict (from rows " in fiqra(*arguments, code=2).stderr
    result = fiqra(*arguments, "--partial")
    assert "left out: 6 drawn paragraphs without a verdict" in result.stderr
    assert "14 of 40 paragraphs checked" in result.stdout
    for row in rows:
        done = {"paragraph": "done", "missed": ""}.get(row["item"], "right")
        row["verdict"] = "" if row["stratum"].startswith("no topic") else done
    write_rows(path, rows)
    assert "no topic, sure: 0 checked of 20 paragraphs" in fiqra(*arguments, "--partial", code=2).stderr


def test_other_predictions_and_a_broken_encoding_are_refused(sheet, predictions, tmp_path):
    path, rows = sheet
    write_rows(path, rows, encoding="cp1256")
    arguments = ("audit", "estimate", predictions[0], path, "-o", tmp_path / "shares.csv")
    assert "not UTF-8; in Excel, save it as 'CSV UTF-8'" in fiqra(*arguments, code=2).stderr
    write_rows(path, rows)
    content = predictions[0].read_text(encoding="utf-8")
    predictions[0].write_text(content.replace('"favor"', '"against"', 1), encoding="utf-8")
    assert "was not drawn from these predictions" in fiqra(*arguments, code=2).stderr
    predictions[0].write_text(content + content.split("\n")[0] + "\n", encoding="utf-8")
    assert "stands on line 1 already" in fiqra(*arguments, code=2).stderr


def test_the_shares_by_month_and_actor(sheet, predictions, tmp_path):
    """All verdicts right: the corrected shares are the tagger's, with intervals about them."""
    path, rows = sheet
    write_rows(path, rows)
    out = tmp_path / "shares.csv"
    result = fiqra("audit", "estimate", predictions[0], path, "-o", out)
    assert "design-based supervised learning (Egami et al. 2023): 20 of 40 paragraphs checked" in result.stdout
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    shares = {(r["month"], r["actor"], r["topic"], r["stance"]): r for r in read_rows(out)}
    whole = shares["(all)", "", C, ""]
    assert (whole["tagger_count"], whole["tagger_base"], whole["of"]) == ("20", "40", "paragraphs")
    assert float(whole["low"]) < float(whole["share"]) == 0.5 < float(whole["high"])
    assert {month for month, *_ in shares} == {"(all)", "2024-01", "2024-02"}
    iraq = shares["(all)", IRAQ.text, C, "favor"]
    assert (float(iraq["share"]), float(iraq["high"])) == (1, 1)
    assert float(iraq["low"]) < 1
    assert int(iraq["checked"]) > 0
    assert {r["method"] for r in shares.values()} == {"design-based supervised learning (Egami et al. 2023)"}


def test_a_census_gives_the_truth_of_every_row(predictions, labels, tmp_path):
    """Everything checked, many answers wrong: the shares are those counted from the person's labels."""
    _, paragraphs = predictions
    rng = np.random.default_rng(4)
    design = plan(paragraphs, labels, 40)
    index = draw(design, 0)
    truths = []
    for i in index:
        own = tagged_labels(paragraphs[i])
        if rng.random() < 0.4:
            own = Labels(frozenset({C, D}), frozenset({("دمشق", D, "against"), (None, C, str(rng.choice(STANCES)))}))
        truths.append(own)
    table = SharesTable(paragraphs, CheckedSheet(design, index, truths, 0), labels, least=1)
    rows = {(r["month"], r["actor"], r["topic"], r["stance"]): r for r in table.rows()}
    held = [position for own in truths for position in own.positions]
    for stance in STANCES:
        on = [position for position in held if position[1] == C]
        want = sum(position[2] == stance for position in on) / len(on)
        row = rows["(all)", "(all)", C, stance]
        assert (row["share"], row["low"], row["high"]) == pytest.approx((want, want, want))
    january = [own for i, own in zip(index, truths, strict=True) if paragraphs[i].date.startswith("2024-01")]
    want = sum(D in own.topics for own in january) / len(january)
    assert rows["2024-01", "", D, ""]["share"] == pytest.approx(want)


def test_a_formula_in_a_text_is_defused_and_still_recognised(labels, tmp_path):
    paragraphs = [replace(tagged(i), text="=1+1 " + TEXT) for i in range(20)]
    path = tmp_path / "s.csv"
    design = plan(paragraphs, labels, 20)
    write_sheet(path, paragraphs, design, draw(design, 0))
    rows = read_rows(path)
    assert rows[0]["text"].startswith("'=1+1")
    for row in rows:
        row["verdict"] = "done" if row["item"] == "paragraph" else ""
    write_rows(path, rows)
    assert len(read_sheet(path, paragraphs, labels).index) == 20


def test_bad_samples_are_refused(predictions, tmp_path):
    path = predictions[0]
    out = tmp_path / "s.csv"
    assert "expected 20 or more" in fiqra("audit", "sample", path, "--sample", 5, "-o", out, code=2).stderr
    assert "can't read it" in fiqra("audit", "sample", tmp_path / "no", "--sample", 20, "-o", out, code=2).stderr
    assert not out.exists()
