"""A version is given to its Model as it is held, against resources and a bus in memory."""

from shale.contracts.resources import FINALIZER
from shale.testkit import samples
from shale.testkit.asking import until
from shale.watcher.adopt import ADOPTED

NS = "team-a"


async def told(street, *words):
    async def said():
        return street.said()

    await until(said, lambda now: sorted(now) == sorted(words))


async def test_a_version_is_held_and_given_to_a_model_that_is_there_in_one_write(street):
    async with street.announcing():
        model = await street.model()
        await told(street, "1 declared")
        made = await street.version()
        await told(street, "1 declared", "1 declared")
        version = await street.now(made)
    assert version.metadata.owner_references == (samples.owned(model),)
    assert version.metadata.annotations == {ADOPTED: model.metadata.uid}


async def test_a_version_is_not_given_to_a_model_that_is_gone_while_the_cache_still_has_it(street):
    """It would be collected with it."""
    async with street.announcing() as announcer:
        model = await street.model(finalizers=[FINALIZER])
        await told(street, "1 declared")
        known = announcer.objects["model", NS, "resnet"]
        await street.resources.edit_metadata(model, finalizers=())
        await street.delete(model)
        await told(street, "1 declared", "gone")
        announcer.objects["model", NS, "resnet"] = known
        version = await street.version()
        await told(street, "1 declared", "gone", "1 declared")
    assert (await street.now(version)).metadata.owner_references == ()
