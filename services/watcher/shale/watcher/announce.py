"""What is to be told of an object as it stands: a pure function between two doors."""

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Declared, Gone
from shale.contracts.resources import FINALIZER, Model, ModelVersion, Object, Spec, Status
from shale.contracts.resources.meta import Unreadable
from shale.contracts.resources.modelversion import ModelVersionStatus
from shale.watcher.adopt import Adoption, adoption, is_settled


class AddFinalizer(msgspec.Struct, frozen=True):
    """Hold the object, before anyone is told of it: who is told may make things that must be undone."""

    finalizers: tuple[str, ...]
    given: Adoption | None = None
    """In the same write, to spare the API server one: what makes a version its Model's own."""


Step = AddFinalizer | Declared[Spec, Status] | Gone


def about(obj: Object | Unreadable) -> About:
    """Return who a message about this object is about."""
    meta = obj.metadata
    return About(obj.kind.lower(), meta.namespace, meta.name, meta.uid, meta.generation)


def announce(obj: Object, model: Model | None = None) -> Step:
    """Return the next step for an object that is there: held first, declared then, gone once it is being deleted.

    `model`: the Model that a version names, if it is there. Deleting raises the generation, but an object with a
    deletionTimestamp is never declared.
    """
    if obj.metadata.deletion_timestamp:
        return Gone(about(obj))
    if FINALIZER not in obj.metadata.finalizers:
        return AddFinalizer((*obj.metadata.finalizers, FINALIZER), _given(obj, model))
    return Declared(about(obj), obj.spec, obj.metadata.creation_timestamp, known(obj))


def _given(obj: Object, model: Model | None) -> Adoption | None:
    if model is None or model.metadata.deletion_timestamp or not isinstance(obj, ModelVersion) or is_settled(obj):
        return None
    return adoption(obj, model)


def known(obj: Object) -> ModelVersionStatus | None:
    """Return the object's own status if it is terminal for this very generation."""
    status = obj.status
    if not isinstance(status, ModelVersionStatus) or status.observed_generation != obj.metadata.generation:
        return None
    return status if status.phase in {"Ready", "Failed"} else None
