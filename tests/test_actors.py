"""The list of actors and their resolution, on sentences written for these tests."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqra.actor_names import fold_name, words_of
from fiqra.actor_phrases import read_phrase
from fiqra.actor_resolution import ArticleResolver
from fiqra.actors import ActorList
from fiqra.model.errors import DataError
from fiqra.model.records import Actor

DAY = date(2024, 3, 1)


@pytest.fixture(scope="module")
def actors():
    return ActorList.from_yaml()


def resolve(actors, *paragraphs, day=DAY):
    """Resolve the mentions marked [so] in each paragraph; return (mention, its actors, its rule) for all of them."""
    resolver, found = ArticleResolver(actors, day), []
    for marked in paragraphs:
        text, spans = "", []
        for i, piece in enumerate(marked.replace("]", "[").split("[")):
            if i % 2:
                spans.append(Actor(piece, len(text), len(text) + len(piece)))
            text += piece
        for span, mentions in resolver.resolve(text, spans).items():
            assert text[span.start : span.end] == span.text
            found.append((span.text, [mention.actor for mention in mentions], mentions[0].rule))
    return found


def test_the_shipped_list_is_whole_and_every_office_has_its_government_and_state(actors):
    assert len([actor for actor in actors.actors.values() if actor.office is None]) >= 120
    assert set(actor.kind for actor in actors.actors.values()) == {
        "state", "government", "office", "armed_group", "party", "international_body", "organisation"
    }  # fmt: skip
    minister = actors.actors["iq.foreign-minister"]
    assert (minister.name, minister.belongs_to) == ("وزير الخارجية العراقي", "iq.government")
    assert actors.actors["iq.government"].belongs_to == "iq"
    assert actors.root("iq.foreign-minister") == "iq"
    assert actors.root("qassam") == "hamas"


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("العراق", ["iq"]),
        ("ولبغداد", ["iq"]),
        ("لليمن", ["ye"]),
        ("وزير الخارجية العراقي فؤاد حسين", ["iq.foreign-minister"]),
        ("وزير خارجية العراق", ["iq.foreign-minister"]),
        ("المتحدث باسم الخارجية القطرية", ["qa.foreign-ministry"]),
        ("حركة «حماس»", ["hamas"]),
        ("قوات سوريا الديمقراطية (قسد)", ["sdf"]),
        ("القيادي في حماس سعيد الراوي", ["hamas"]),
        ("سعيد الراوي القيادي في حماس", ["hamas"]),
        ("السعودية والأردن", ["sa", "jo"]),
        ("السلطات المغربية والإسبانية", ["ma.government", "es.government"]),
        ('وزارة الدفاع السورية وقوات سوريا الديمقراطية "قسد"', ["sy.defence-ministry", "sdf"]),
        ("الرئيس الكوري الجنوبي", ["kr.head-of-state"]),
        ("الوزير بلينكن", ["us.foreign-minister"]),
        # whose name is in the phrase, but who does not hold the position
        ("عائلات المحتجزين لدى حماس", [None]),
        ("أنصار الرئيس التركي", [None]),
        ("مستشار ترمب", [None]),
        ("رئيس الوزراء العراقي السابق", [None]),
        ("حركة طالبان باكستان", ["ttp"]),
        ("مسلحون موالون لتركيا", [None]),
        ("شيخ عشيرة في العراق", [None]),
    ],
)
def test_who_heads_a_phrase(actors, phrase, expected):
    assert [part.actor for part in read_phrase(phrase, actors, DAY)] == expected


def test_a_persons_name_is_the_office_held_on_that_day(actors):
    assert resolve(actors, "قال [ترامب] ذلك", day=date(2019, 5, 1)) == [("ترامب", ["us.head-of-state"], "name")]
    assert resolve(actors, "قال [ترامب] ذلك", day=date(2023, 5, 1))[0][1] == [None]
    assert resolve(actors, "قال [ترامب] ذلك", day=None)[0][1] == ["us.head-of-state"]
    assert resolve(actors, "قال [أحمد الشرع] ذلك", day=date(2024, 12, 20))[0][1] == ["hts"]
    assert resolve(actors, "قال [أحمد الشرع] ذلك", day=date(2025, 6, 1))[0][1] == ["sy.head-of-state"]
    assert resolve(actors, "قال [أحمد الشرع] ذلك", day=None)[0][1] == [None]  # two, and no day to choose by


def test_a_full_mention_is_carried_to_later_short_ones(actors):
    found = resolve(
        actors,
        "التقى وزير الصحة أمس [وزير الخارجية النرويجي أولاف هانسن] في أوسلو.",
        "وأكد [هانسن] أن [الوزارة] لم تتلق ردا، ثم غادر [الوزير].",
        "وأعلنت [وزارة الخارجية النرويجية] أن [الوزارة] ستعود إلى المحادثات.",
    )
    minister, ministry = ["no.foreign-minister"], ["no.foreign-ministry"]
    assert [(text, who) for text, who, _ in found] == [
        ("وزير الخارجية النرويجي أولاف هانسن", minister), ("هانسن", minister), ("الوزارة", [None]),
        ("الوزير", minister), ("وزارة الخارجية النرويجية", ministry), ("الوزارة", ministry),
    ]  # fmt: skip
    assert [rule for *_, rule in found] == ["name", "carried", "ambiguous", "carried", "name", "carried"]


def test_the_two_sides_are_the_only_two_parties_named_before(actors):
    two = "أعلنت وزارة الدفاع السورية وقوات سوريا الديمقراطية وقفا للقتال في الحسكة. ورحب [الجانبان] بذلك."
    assert resolve(actors, two) == [("الجانبان", ["sy.defence-ministry", "sdf"], "pair")]
    three = "اتفقت تركيا وإيران وروسيا على الهدنة، ورحب [الطرفان] بها."
    assert resolve(actors, three) == [("الطرفان", [None], "ambiguous")]
    assert resolve(actors, "بحث [الجانبان السعودي والأردني] الهدنة")[0][1] == ["sa", "jo"]
    assert resolve(actors, "التقى [وزيرا الخارجية المصري والأردني]")[0][1] == [
        "eg.foreign-minister",
        "jo.foreign-minister",
    ]
    mediated = "زار الصليب الأحمر المحتجزين بعد اتفاق حماس وإسرائيل، وشكر [الطرفين]."
    assert resolve(actors, mediated)[0][1] == ["hamas", "il"]


def test_a_counterpart_holds_the_same_office_of_another_state(actors):
    text = "التقى وزير الداخلية العراقي [نظيره السوري في دمشق]."
    assert resolve(actors, text) == [("نظيره السوري في دمشق", ["sy.interior-minister"], "counterpart")]


def test_nobody_is_carried_where_two_could_be_meant(actors):
    text = "رفض الجيش السوري والجيش التركي ذلك، وقال [الجيش] إنه باق."
    assert resolve(actors, text) == [("الجيش", [None], "ambiguous")]


def test_an_unknown_name_is_joined_to_its_fuller_mention(actors):
    resolver = ArticleResolver(actors, None)
    first = "قال العميد عبد الستار الخفاف إن النقطة آمنة."
    resolver.resolve(first, [Actor("العميد عبد الستار الخفاف", 4, 28)])
    (found,) = resolver.resolve("وأضاف الخفاف", [Actor("الخفاف", 6, 12)]).values()
    assert (found[0].actor, found[0].fuller) == (None, "العميد عبد الستار الخفاف")


NAMES = ["العراق", "إيران", "الأمم المتحدة", "وزارة الخارجية العراقية", "أنطونيو غوتيريش", "حركة النهضة", "هيئة تحرير الشام",
         "الهيئة الحكومية للتنمية", "رئيس الوزراء الإسرائيلي", "الولايات المتحدة الأميركية", "منظمة الصحة العالمية"]  # fmt: skip
MARKS = ["", "\u064e", "\u0651", "\u0640", "\u200f", "\u0652\u0640"]
SPELLINGS = {"أ": "أاإٱ", "إ": "إا", "ا": "اأ", "ة": "ةه", "ي": "يى", "ئ": "ئ"}


@settings(deadline=None)
@given(name=st.sampled_from(NAMES), data=st.data())
def test_spellings_of_a_name_resolve_alike(actors, name, data):
    varied = "".join(
        data.draw(st.sampled_from(SPELLINGS.get(char, char)))
        + data.draw(st.sampled_from(MARKS if char != " " else [""]))
        for char in name
    )
    varied = data.draw(st.sampled_from(["", "و", "ف", "و" if varied[:2] == "ال" else "ب"])) + varied
    (expected,), (found,) = read_phrase(name, actors, DAY), read_phrase(varied, actors, DAY)
    assert found.actor == expected.actor is not None


@settings(deadline=None)
@given(text=st.text(alphabet="ابتثجحخدذرزسشصضطظعغفقكلمنهويءئؤةىأإآ \u064e\u0640().،«»a1", max_size=40))
def test_any_text_is_read_and_words_point_into_it(actors, text):
    for word in words_of(text):
        assert 0 <= word.start < word.end <= len(text)
    assert read_phrase(text, actors, None)
    assert fold_name(text) == fold_name(text.replace("\u0640", "").replace("\u064e", ""))


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_users_file_adds_and_overrides(tmp_path):
    path = own(
        tmp_path,
        """
actors:
  - {id: tribes, kind: organisation, names: [مجلس عشائر الجزيرة]}
  - {id: pydx, kind: party, belongs_to: sdf, names: [حزب السلام الكردي]}
  - {id: dj, kind: state, names: [جيبوتي, جمهورية جيبوتي]}
""",
    )
    actors = ActorList.from_yaml(path)
    assert [p.actor for p in read_phrase("مجلس عشائر الجزيرة", actors, DAY)] == ["tribes"]
    assert actors.root("pydx") == "sdf"
    assert "dj.government" not in actors.actors  # without a nisba no offices are made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("actors: [{id: a, kind: party, names: [أ ب]}, {id: a, kind: party, names: [ج د]}]", "actors[1].id: 'a' stands in [0]"),
        ("actors: [{id: a, kind: party, names: [حركة حماس]}]", "the name 'حركة حماس' of 'a' is claimed by 'hamas'"),
        ("actors: [{id: a, kind: party, names: [حركه الحماس]}]", "is claimed by 'hamas'"),
        ("actors: [{id: a, kind: party, names: [س ص], belongs_to: hamass}]", "no actor 'hamass' (did you mean 'hamas'?)"),
        ("actors: [{id: a, kind: party, names: [س ص], belongs_to: a}]", "a -> a is a circle"),
        ("actors: [{id: a, kind: partyy, names: [س ص]}]", "actors[0].kind: expected 'state'"),
        ("actors: [{id: a, kind: party, nmes: [س ص]}]", "actors[0].nmes: unknown key (did you mean 'names'?)"),
        ("actors: [{id: a, kind: party}]", "actors[0].names: is missing"),
        ("actors: [{id: a, kind: party, names: ['«»']}]", "the name '«»' holds no letter"),
        ("actors: [{id: a, kind: state, names: [س ص], nisba: سيني, offices: {armyy: {names: [ك]}}}]", "did you mean 'army'"),
        ("actors: [{id: a, kind: party, names: [س ص], people: [{names: [حسن نصر الله], from: 2020-01-01}]}]", "bound the times"),
        ("actors: [", "not a YAML file"),
        ("[]", "expected a mapping"),
    ],
)  # fmt: skip
def test_mistakes_of_a_users_file_say_where_and_what_to_do(tmp_path, text, said):
    path = own(tmp_path, text)
    with pytest.raises(DataError) as error:
        ActorList.from_yaml(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match="can't read the actors"):
        ActorList.from_yaml(tmp_path / "no.yaml")
