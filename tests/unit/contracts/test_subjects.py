"""Message <-> subject: pure and invertible."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts import subjects
from shale.contracts.about import About
from shale.contracts.artifact import Layer
from shale.contracts.facts import Declared, Gone, Held, LayerPacked, Progressed, Refused, Wanted
from shale.contracts.jobs import JOBS, PackLayer, ScanArtifact
from shale.contracts.subjects import SubjectError
from shale.runtime.bus.provision import consumers
from shale.testkit.messages import messages
from shale.testkit.stream import matches
from shale.testkit.toys import ABOUT, JOINER, PACKER

labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
dotted = st.lists(labels, min_size=1, max_size=4).map(".".join)
parts = st.from_regex(r"[A-Za-z0-9~-]{1,64}", fullmatch=True)
abouts = st.builds(
    About, kind=labels, namespace=labels, name=dotted, uid=st.uuids().map(str), generation=st.integers(0, 1 << 40)
)
LAYER = Layer("0-a", "w", 1)
EVERY = messages()


@given(abouts, parts)
def test_a_fact_is_read_back_from_its_subject(about, part):
    place = subjects.place(subjects.of_fact(Refused(about, part, "R", "m")))
    assert (place.about, place.word, place.part) == (about, "refused", part)


@given(abouts)
def test_a_fact_without_a_part_is_read_back_from_its_subject(about):
    place = subjects.place(subjects.of_fact(Declared(about, None, "")))  # pyright: ignore[reportArgumentType]
    assert (place.about, place.word, place.part) == (about, "declared", "")


@given(abouts, labels, parts)
def test_a_reading_of_a_part_is_read_back_from_its_subject(about, service, part):
    place = subjects.place(subjects.of_fact(Progressed(about, f"{service}.{part}", "Working")))
    assert (place.about, place.word, place.part) == (about, "progressed", f"{service}.{part}")


@given(abouts, parts)
def test_a_job_is_read_back_as_asked_from_its_subject(about, part):
    job = PackLayer(about, part, "u", "r", LAYER)
    assert subjects.asked(subjects.of_job(job)) == ("pack-layer", part)


@given(abouts, abouts, parts, parts)
def test_two_facts_have_one_subject_only_when_they_are_one_fact(one, other, part, its):
    same = (one, part) == (other, its)
    assert (subjects.of_fact(Held(one, part)) == subjects.of_fact(Held(other, its))) == same


@given(abouts, parts)
def test_no_subject_of_a_job_is_longer_than_a_server_likes(about, part):
    assert len(subjects.of_fact(Refused(about, part, "R", "m"))) < 600


@given(abouts, abouts, parts)
def test_the_levels_of_an_object_hold_its_own_and_nothing_of_another(about, other, part):
    own = subjects.levels(about)
    assert under(own, LayerPacked(about, part, None))  # pyright: ignore[reportArgumentType]
    assert under(own, Held(about.whole(), part))
    assert under(own, Declared(about.at(about.generation + 1), None, ""))  # pyright: ignore[reportArgumentType]
    assert under(own, Gone(about))
    assert not under(own, LayerPacked(about.at(about.generation + 1), part, None))  # pyright: ignore[reportArgumentType]
    if about.uid != other.uid:
        assert not under(own, Held(other, part))
        assert not under(own, Gone(other))


@given(abouts, parts)
def test_what_is_pending_is_what_this_generation_asked(about, part):
    job = ScanArtifact(about, part, "u")
    chosen = subjects.pending(about)
    assert matches(chosen, subjects.of_job(job))
    assert not matches(chosen, subjects.of_job(msgspec.structs.replace(job, about=about.at(about.generation + 1))))


def under(filters, fact) -> bool:
    return any(matches(chosen, subjects.of_fact(fact)) for chosen in filters)


# --- words, tokens, parts


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Declared, "declared"), (LayerPacked, "layer-packed"), (PackLayer, "pack-layer"), (ScanArtifact, "scan-artifact")],
)
def test_a_word_is_the_name_of_its_class(kind, said):
    assert subjects.word(kind) == said
    assert subjects.WORDS[said] is kind


@pytest.mark.parametrize("name", ["", "a_b", "a b", "a>b", "*", "a/b", "ä", "x" * 254, "a\n"])
def test_what_no_kubernetes_name_holds_is_no_token(name):
    with pytest.raises(SubjectError, match="cannot be a subject token"):
        subjects.token(name)


@pytest.mark.parametrize("part", ["a b", "a*", ">", "a.b.c", ".a", "a.", "x" * 81, "a_b", "ä", "a\n"])
def test_what_would_break_a_subject_is_no_part(part):
    with pytest.raises(SubjectError, match="cannot be a part"):
        subjects.of_fact(Refused(ABOUT, part, "R", "m"))


def test_a_job_always_has_a_part():
    with pytest.raises(SubjectError, match="cannot be a part"):
        subjects.of_job(PackLayer(ABOUT, "", "u", "r", LAYER))


@pytest.mark.parametrize("kind", ["model", "modelversion", "modelsource", "inference"])
def test_an_object_of_the_longest_name_can_be_wanted(kind):
    wanted = Wanted(ABOUT, f"{kind}~{'m' * 63}", kind, "m" * 63)
    assert subjects.place(subjects.of_fact(wanted)).part == wanted.part


@pytest.mark.parametrize(
    "subject",
    [
        "shale.fact.modelversion.ns.n.u.1",
        "shale.fact.modelversion.ns.n.u.x.declared",
        "shale.fact.modelversion.ns.n.u.01.declared",
        "shale.fact.modelversion.ns.n.u.\u0661.declared",
        f"shale.fact.modelversion.ns.n.u.{'9' * 5000}.declared",
        "shale.job.pack-layer.ns.u.1.p",
        "shale.gone.u",
        "other.fact.modelversion.ns.n.u.1.declared",
        "",
    ],
)
def test_what_is_not_the_subject_of_a_fact_is_told_so(subject):
    with pytest.raises(SubjectError, match="is not the subject of a fact"):
        subjects.place(subject)


@pytest.mark.parametrize("odd", ["u!", "u/1", "ä", "$u"])
@pytest.mark.parametrize("at", [2, 3, 4, 5], ids=["kind", "namespace", "name", "uid"])
def test_a_subject_with_a_token_that_we_never_make_is_told_so(odd, at):
    tokens = ["shale", "fact", "modelversion", "ns", "n", "u", "1", "declared"]
    tokens[at] = odd
    with pytest.raises(SubjectError, match="is no token of ours"):
        subjects.place(".".join(tokens))


@pytest.mark.parametrize("subject", ["shale.job.pack-layer.ns.u.1", "shale.fact.a.b.c.d.1.e", "shale.job.a.b.c.d.e.f"])
def test_what_is_not_the_subject_of_a_job_is_told_so(subject):
    with pytest.raises(SubjectError, match="is not the subject of a job"):
        subjects.asked(subject)


# --- who hears what


@pytest.mark.parametrize("fact", [one for one in EVERY if one not in JOBS], ids=subjects.word)
def test_who_hears_a_fact_of_a_kind_hears_it_and_of_no_other_kind(fact):
    said = EVERY[fact]
    assert matches(subjects.heard("modelversion", fact), subjects.of_fact(said))
    if fact is not Gone:
        assert not matches(subjects.heard("model", fact), subjects.of_fact(said))
    others = [one for one in EVERY if one not in (*JOBS, fact)]
    assert not any(matches(subjects.heard("modelversion", fact), subjects.of_fact(EVERY[one])) for one in others)


@pytest.mark.parametrize("job", JOBS, ids=subjects.word)
def test_who_takes_a_job_gets_it_and_no_other(job):
    assert [one for one in JOBS if matches(subjects.taken(job), subjects.of_job(EVERY[one]))] == [job]


def test_a_tick_is_heard_at_its_time_and_not_while_it_is_armed():
    tick = subjects.of_tick("joiner", ABOUT)
    [ticks] = [one for one in consumers(JOINER) if one.stream == "SHALE_TICKS"]
    assert [matches(chosen, tick) for chosen in ticks.filters] == [True]
    assert not any(matches(chosen, subjects.armed(tick)) for chosen in ticks.filters)


def test_who_only_takes_jobs_has_one_consumer():
    assert [one.stream for one in consumers(PACKER)] == ["SHALE_JOBS"]


@pytest.mark.parametrize(
    ("chosen", "subject", "expected"),
    [
        pytest.param("a.b", "a.b", True, id="a subject is under itself"),
        pytest.param("a.*", "a.b", True, id="a star is one token"),
        pytest.param("a.*", "a.b.c", False, id="a star is not two"),
        pytest.param("a.>", "a.b.c", True, id="the rest is as many as there are"),
        pytest.param("a.>", "a", False, id="the rest is at least one"),
        pytest.param("a.*.c", "a.b.c", True, id="a star in the middle"),
        pytest.param("a.b", "a", False, id="a shorter one is not under it"),
        pytest.param("a", "a.b", False, id="a longer one neither"),
        pytest.param(">", "a", True, id="everything"),
    ],
)
def test_the_simulator_matches_as_nats_does(chosen, subject, expected):
    assert matches(chosen, subject) is expected
