"""`fiqra data check` as a user meets it, and the shipped corpus under it."""

import json
import random
import subprocess
import sys

import pytest
from command_line import fiqra

from fiqra.balance import count_balance
from fiqra.data_check import check_files
from fiqra.likeness import near_duplicates, shared_runs, words_of
from fiqra.model.errors import DataError
from fiqra.model.labels import LabelSet

TEXT = "رحبت بغداد بالهدنة التي أعلنتها دمشق مساء أمس في ريف الحسكة الجنوبي، ودعت الأطراف كلها إلى احترامها."


def record(i, text=TEXT, doc=None, **changed):
    return {"id": f"r-{i}", "doc": doc or f"d-{i}", "para": 0, "text": text, "topics": [], "positions": [], **changed}


def says(actor, stance, topic="ceasefire"):
    return {"actor": actor, "topic": topic, "stance": stance}


@pytest.fixture
def write(tmp_path):
    def write(name, *records):
        path = tmp_path / name
        lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in records]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def mistakes(files, labels, **options):
    return [str(mistake) for mistake in check_files(files, labels, **options).mistakes]


def test_the_corpus_has_no_mistakes_and_keeps_its_quotas(root, labels):
    checked = check_files([root / f"data/corpus/{split}.jsonl" for split in ("train", "dev", "test")], labels)
    assert not checked.mistakes
    whole = count_balance(checked.splits, labels)["all"]
    assert all(whole["topics"][topic] >= 250 for topic in labels.topic_ids)
    assert whole["several_topics"] >= 300
    assert whole["no_topic"] >= 350
    assert whole["no_topic_hard"] >= whole["no_topic"] / 2
    assert whole["stances"]["against"] >= 0.25 * whole["positions"]
    assert whole["stances"]["neutral"] >= 0.25 * whole["positions"]
    assert whole["implied"] >= 0.10 * whole["positions"]
    assert whole["actors_differ"] >= 100
    assert whole["features"]["polarity"] >= 120
    assert whole["features"]["bystander"] >= 60
    assert whole["regions"]["Iraq"] + whole["regions"]["Syria"] >= 0.40 * whole["paragraphs"]


def test_all_mistakes_are_told_at_once_each_with_its_line(write, labels):
    first = write(
        "train.jsonl",
        record(0),
        "{broken",
        record(2, "نص ثان", topics=["ceasfire"]),
        record(3, "نص ثالث عن أنقرة", topics=["ceasefire"], positions=[says("دمشق", "favor")]),
        record(0, "نص رابع له معرّف الأول"),
    )
    second = write("dev.jsonl", record(9, TEXT.replace("أمس", "الأحد"), doc="d-0"))
    assert mistakes([first, second], labels) == [
        f"{first}:2: not JSON: Expecting property name enclosed in double quotes at column 2",
        f"{first}:3: unknown topic 'ceasfire' (did you mean 'ceasefire'?)",
        f"{first}:4: positions[0].actor: 'دمشق' does not stand in the text letter for letter",
        f"{first}:5: id 'r-0' stands in {first}:1 already",
        f"{second}:1: document 'd-0' stands in {first}:1 too; keep all of an article in one split",
        f"{second}:1: near-duplicate of {first}:1: 94 % of their words are the same, in the same order",
    ]


@pytest.mark.parametrize(
    ("positions", "said"),
    [
        ([says("بغداد", "favor"), says("بغداد", "against")], "keep the one stated most strongly"),
        ([says(None, "favor"), says(None, "favor")], "positions[1]: stands as positions[0] already"),
        ([says("بغداد ", "favor")], "'بغداد ' begins or ends with a blank"),
        ([says({"text": "بغداد", "start": 6, "end": 11}, "favor")], "characters 6 to 11 of the text are 'غداد '"),
        ([says({"text": "بغداد", "start": 5, "end": 900}, "favor")], f"end <= {len(TEXT)}"),
        ([{**says("بغداد", "favor"), "start": 5}], "positions[0].start: unknown key"),
    ],
)
def test_positions_that_contradict_or_misplace(write, labels, positions, said):
    path = write("a.jsonl", record(0, topics=["ceasefire"], positions=positions))
    (found,) = mistakes([path], labels)
    assert found.startswith(f"{path}:1: ")
    assert said in found


def test_different_implied_holders_may_differ(write, labels):
    positions = [says(None, "favor"), says(None, "against"), says("بغداد", "neutral")]
    assert not mistakes([write("a.jsonl", record(0, topics=["ceasefire"], positions=positions))], labels)


def test_text_of_another_collection_is_found_however_it_is_spelt(write, labels):
    quoting = (
        "وكتبت الصحيفة: رحّبت بغداد بالهدنة التى أعلنتها دمشق مساء أمس في ريف الحسكة الجنوبي، ثم انتقلت إلى أسعار النفط."
    )
    own = write("a.jsonl", record(0), record(1, quoting), record(2, "كلام آخر لا صلة له بما سبق ولا بما لحق من أخبار"))
    other = write(
        "other.jsonl", {"text": "خبر"}, {"text": TEXT.replace("بغداد", "بَغدادُ").replace("أعلنتها", "اعلنتها")}
    )
    near, shared = mistakes([own], labels, against=[other])
    assert near == f"{own}:1: near-duplicate of {other}:2: 100 % of their words are the same, in the same order"
    assert shared.startswith(f"{own}:2: shares 8 words in a row with {other}:2: 'اعلنتها دمشق")


def test_what_cannot_be_checked_is_said(write, labels, tmp_path):
    good = write("a.jsonl", record(0))
    for files, against, said in (
        ([tmp_path / "no.jsonl"], [], "can't read it"),
        ([write("b.jsonl", "")], [], "holds no record"),
        ([good, good], [], "is given twice"),
        ([good], [good], "is given twice"),
        ([good], [write("c.jsonl", {"body": "نص"}, {"text": "نص"}, "7")], "c.jsonl:3: expected a record with"),
    ):
        with pytest.raises(DataError, match=said):
            check_files(files, labels, against=against)


def test_no_near_duplicate_is_missed():
    """Every pair is found that comparing all with all finds, whatever the texts' lengths."""
    chance = random.Random(5)
    texts = [tuple(chance.choices("abcdefgh", k=chance.randint(0, 12))) for _ in range(150)]
    texts += [tuple(word for word in text if chance.random() > 0.15) for text in texts]

    def likeness(a, b):
        common = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                common[i + 1][j + 1] = common[i][j] + 1 if x == y else max(common[i][j + 1], common[i + 1][j])
        return 2 * common[-1][-1] / (len(a) + len(b))

    expected = {
        (i, j): likeness(a, b)
        for i, a in enumerate(texts[:100])
        for j, b in enumerate(texts)
        if a and b and likeness(a, b) >= 0.8
    }
    found = {(i, j): value for i, j, value in near_duplicates(texts[:100], texts, least=0.8)}
    assert found == pytest.approx(expected)
    assert len(found) > 150


def test_the_longest_shared_run_is_told():
    own = [words_of("أ ب ت ث ج ح خ د ذ ر"), words_of("س ش ص")]
    others = [words_of("ا ب ت"), words_of("ز ب ت ث ج ح. خ، د ذ ز ز أ ب ت ث")]
    (run,) = shared_runs(own, others, least=4)
    assert (run.first, run.second, " ".join(run.words)) == (0, 1, "ب ت ث ج ح خ د ذ")


def test_counts_worked_by_hand(labels, write):
    positions = [says("بغداد", "favor"), says("دمشق", "against"), says(None, "favor", "diplomacy")]
    path = write(
        "a.jsonl",
        record(0, doc="d", topics=["ceasefire", "diplomacy"], positions=positions, region="Iraq", features=["polarity"]),
        record(1, "سلاح في لعبة", doc="d", features=["hard"]),
        record(2, "سوق الخضار"),
    )  # fmt: skip
    counts = count_balance(check_files([path], labels).splits, labels)
    assert counts["splits"]["a"] == counts["all"]
    own = counts["all"]
    assert (own["articles"], own["paragraphs"], own["several_topics"]) == (2, 3, 1)
    assert (own["no_topic"], own["no_topic_hard"]) == (2, 1)
    assert own["stances"] == {"favor": 2, "against": 1, "neutral": 0}
    assert (own["positions"], own["implied"], own["actors_differ"]) == (3, 1, 1)
    assert own["regions"] == {"Iraq": 1}
    assert (own["words"]["least"], own["words"]["most"]) == (2, 17)


def test_the_command_prints_the_balance_and_ends_with_2_on_mistakes(write, root):
    train, dev = write("train.jsonl", record(0)), write("dev.jsonl", record(1))
    result = fiqra("data", "check", train, dev, code=2)
    assert f"error: {dev}:1: near-duplicate of {train}:1" in result.stderr
    assert "error: mistakes: 1\n" in result.stderr
    assert "paragraphs" in result.stdout
    result = fiqra("data", "check", root / "tests/data/smoke.jsonl", "--against", train, "--json")
    assert "no mistakes in 32 paragraphs" in result.stderr
    assert json.loads(result.stdout)["splits"]["smoke"]["paragraphs"] == 32


def test_checking_and_converting_do_not_wait_for_torch():
    code = "import sys, fiqra.data_check, fiqra.labelstudio, fiqra.balance; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_labels_of_one_s_own(write, tmp_path):
    (tmp_path / "labels.yaml").write_text("topics: [{id: water}]\nstances: [{id: for}, {id: against}]\n")
    path = write("a.jsonl", record(0, topics=["water"], positions=[says("بغداد", "for", "water")]))
    fiqra("data", "check", path, code=2)
    assert "water" in fiqra("data", "check", path, "--labels", tmp_path / "labels.yaml").stdout


def test_the_shipped_labels_are_those_of_the_repository(labels):
    assert LabelSet.shipped() == labels
