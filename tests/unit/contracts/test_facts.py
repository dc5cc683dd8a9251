"""The vocabulary as a whole: every message is complete, named once, and can be told apart."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.facts import MILESTONES, READINGS
from shale.contracts.jobs import DONE, JOBS, PackLayer, ends, refusal
from shale.contracts.subjects import WORDS, word
from shale.testkit.messages import messages

ALL = (*MILESTONES, *READINGS, *JOBS)


@pytest.mark.parametrize("kind", ALL, ids=word)
class TestEveryMessage:
    def test_says_whom_it_is_about_first(self, kind):
        field, *_ = msgspec.structs.fields(kind)
        assert (field.name, field.type) == ("about", About)

    def test_is_frozen(self, kind):
        assert kind.__struct_config__.frozen

    def test_ignores_fields_of_the_future(self, kind):
        assert not kind.__struct_config__.forbid_unknown_fields

    def test_says_what_it_means(self, kind):
        assert (kind.__doc__ or "").strip().endswith(".")


def test_no_two_messages_have_one_word():
    assert len(WORDS) == len(ALL)


@pytest.mark.parametrize("kind", JOBS, ids=word)
def test_every_job_ends_well_or_badly_under_its_own_part(kind):
    well, badly = ends(kind)
    assert well is DONE[kind]
    assert {"about", "part"} <= set(well.__struct_fields__) & set(badly.__struct_fields__)


@pytest.mark.parametrize("kind", JOBS, ids=word)
def test_the_refusal_of_a_job_is_its_own_and_says_why(kind):
    job = messages()[kind]
    refused = refusal(job, "Unreadable", "no permission")
    assert type(refused) is ends(kind)[1]
    assert (refused.about, refused.part, refused.reason) == (job.about, job.part, "Unreadable")


def test_no_milestone_ends_two_kinds_of_job():
    endings = [fact for job in JOBS for fact in ends(job)]
    assert len(endings) == len(set(endings))


def test_the_whole_object_outlives_its_generations():
    about = messages()[PackLayer].about
    assert about.whole().generation == 0
    assert about.whole().at(about.generation) == about
    assert str(about) == "modelversion team-a/mv-1 (generation 1)"
