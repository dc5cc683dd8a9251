"""Message <-> subject: pure and invertible.

Uid and generation are in the subject, so a late word about an old wish never counts.

shale.fact.<kind>.<namespace>.<name>.<uid>.<generation>.<fact>[.<part>] milestones
shale.now.<kind>.<namespace>.<name>.<uid>.<generation>.<reading>[.<part>] readings
shale.job.<job>.<namespace>.<uid>.<generation>.<part> jobs shale.tick.<service>.<uid>.<generation> wake me then
shale.gone.<uid> this uid is over
"""

import re
from typing import Any

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import MILESTONES, READINGS, SIGNED, Fact, Gone, Milestone
from shale.contracts.jobs import JOBS, OTHER_END, Job

PART = re.compile(r"[A-Za-z0-9~-]{1,80}(\.[A-Za-z0-9~-]{1,80})?")
"""64 for the name of a thing, and 16 for what stands before it: `modelversion~<a DNS label of 63>`."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,253}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


class SubjectError(ValueError):
    """A subject that is not ours, or a name that cannot be a token: the message says which."""


class Place(msgspec.Struct, frozen=True):
    """What a fact's or reading's subject says: whom it is about, the word of its class, and its part (may be empty)."""

    about: About
    word: str
    part: str


def word(kind: type[Any]) -> str:
    """Return a message class's name as subjects write it: `ImageBuilt` -> `image-built`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


WORDS: dict[str, type[Any]] = {word(kind): kind for kind in (*MILESTONES, *READINGS, *JOBS)}


def token(name: str) -> str:
    """Return a Kubernetes name as one subject token: `.` becomes `_`, which no Kubernetes name holds."""
    made = name.replace(".", "_")
    if "_" in name or not _TOKEN.fullmatch(made):
        raise SubjectError(f"{name!r} cannot be a subject token: use letters, digits, '-' and '.'")
    return made


def _untoken(made: str) -> str:
    """Return the name that a token was made of. Raises SubjectError for what no name of ours becomes."""
    if not _TOKEN.fullmatch(made):
        raise SubjectError(f"{made!r} is no token of ours: use letters, digits, '-' and '_'")
    return made.replace("_", ".")


def generation(made: str) -> int | None:
    """Return the generation that a token says, None for what says none: anybody may publish anything."""
    return int(made) if _NUMBER.fullmatch(made) else None


def check(about: About) -> None:
    """Raise SubjectError when nothing can be said of this object: what comes from others may name anything."""
    _of(about)
    if not 0 <= about.generation < 1 << 63:
        raise SubjectError(f"{about.name!r} cannot be at that generation: it counts from 0, in 63 bits")


def _of(about: About) -> str:
    return f"{token(about.kind)}.{token(about.namespace)}.{token(about.name)}.{token(about.uid)}"


def _part(part: str) -> str:
    if not PART.fullmatch(part):
        raise SubjectError(f"{part!r} cannot be a part: use 1 to 80 letters, digits, '~' and '-'")
    return part


def of_fact(fact: Fact) -> str:
    """Return the one subject that a milestone or reading is said on."""
    if isinstance(fact, Gone):
        return of_gone(fact.about.uid)
    return _said(fact, type(fact))


def _said(fact: Fact, kind: type[Any]) -> str:
    plane = "now" if kind in READINGS else "fact"
    subject = f"shale.{plane}.{_of(fact.about)}.{fact.about.generation}.{word(kind)}"
    part: str = getattr(fact, "part", "")
    return f"{subject}.{_part(part)}" if part else subject


def fence_of(fact: Milestone) -> str:
    """Return the subject on which nothing may lie when a milestone is told.

    Its own; for the end of a job that of the job's other end: its own is guarded by the stream's limit per subject.
    """
    other = OTHER_END.get(type(fact))
    return of_fact(fact) if other is None else _said(fact, other)


def of_gone(uid: str) -> str:
    """Return the subject on which the end of a uid is said."""
    return f"shale.gone.{token(uid)}"


def of_job(job: Job) -> str:
    """Return the one subject that a job is asked on."""
    about = job.about
    return (
        f"shale.job.{word(type(job))}.{token(about.namespace)}.{token(about.uid)}.{about.generation}.{_part(job.part)}"
    )


def of_tick(service: str, about: About) -> str:
    """Return the subject on which a service is woken for one generation of one object."""
    return f"shale.tick.{token(service)}.{token(about.uid)}.{about.generation}"


def armed(tick: str) -> str:
    """Return the subject that holds a tick until its time: publishing there again replaces it."""
    return f"{tick}.armed"


def place(subject: str) -> Place:
    """Return what a `shale.fact` or `shale.now` subject says; the inverse of `of_fact`. Raises SubjectError."""
    match subject.split("."):
        case ["shale", "fact" | "now", kind, namespace, name, uid, number, said, *part]:
            if (wish := generation(number)) is None:
                raise SubjectError(f"{subject!r} is not the subject of a fact: {number!r} is no generation")
            about = About(_untoken(kind), _untoken(namespace), _untoken(name), _untoken(uid), wish)
            return Place(about, said, ".".join(part))
        case _:
            raise SubjectError(f"{subject!r} is not the subject of a fact")


def pending(about: About) -> str:
    """Return the filter of all jobs that one generation of one object has asked for."""
    return f"shale.job.*.*.{token(about.uid)}.{about.generation}.>"


def asked(subject: str) -> tuple[str, str]:
    """Return the (word, part) of a job's subject. Raises SubjectError."""
    match subject.split("."):
        case ["shale", "job", said, _, _, _, part]:
            return said, part
        case _:
            raise SubjectError(f"{subject!r} is not the subject of a job")


def wishes(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the filter of all that was declared of one kind, in one namespace, or of one name there (empty: any)."""
    tokens = (token(one) if one else "*" for one in (namespace, name))
    return f"shale.fact.{token(kind)}.{'.'.join(tokens)}.*.*.declared"


def of_wish(about: About) -> str:
    """Return the subject on which one generation of an object is declared."""
    return f"shale.fact.{_of(about)}.{about.generation}.declared"


def of_image(about: About) -> str:
    """Return the subject on which the image of one generation of an object is told."""
    return f"shale.fact.{_of(about)}.{about.generation}.image-built"


def wish(job: str) -> str:
    """Return the filter of the one wish that the job on this subject was asked for. Raises SubjectError."""
    match job.split("."):
        case ["shale", "job", _, namespace, uid, generation, _]:
            return f"shale.fact.*.{namespace}.*.{uid}.{generation}.declared"
        case _:
            raise SubjectError(f"{job!r} is not the subject of a job")


def levels(about: About) -> tuple[str, ...]:
    """Return the filters of all that is told of one generation.

    Its own milestones, the whole object's, what was declared and built at any generation, and whether it is gone. Never
    `<uid>.>`: above 1,024 subjects the answer is 413 and empty (nats-findings).
    """
    return narrowed(about, generations(about))


def generations(about: About) -> tuple[str, str]:
    """Return the filters of what an object's generations have in common: what was declared, and what was built."""
    uid = f"shale.fact.{_of(about)}"
    return f"{uid}.*.declared", f"{uid}.*.image-built"


def narrowed(about: About, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return the filters of what is told of one generation, and of these subjects of the others."""
    uid = f"shale.fact.{_of(about)}"
    own = (f"{uid}.{generation}.>" for generation in sorted({0, about.generation}))
    return (*own, *others, of_gone(about.uid))


def heard(kind: str, fact: type[Any]) -> str:
    """Return the filter of one milestone or reading of one kind, whoever it is about, with any part."""
    if fact is Gone:
        return "shale.gone.*"
    plane = "now" if fact in READINGS else "fact"
    tail = ".>" if "part" in fact.__struct_fields__ else ""
    return f"shale.{plane}.{kind}.*.*.*.*.{word(fact)}{tail}"


def said(kind: str, fact: type[Any], service: str) -> tuple[str, ...]:
    """Return the filters of all that one service may say of one kind: what is signed only under its own name."""
    heard_by_all = heard(kind, fact)
    if fact not in SIGNED:
        return (heard_by_all,)
    own = f"{heard_by_all.removesuffix('>')}{token(service)}"
    return (own, f"{own}.*") if fact in READINGS else (own,)


def taken(job: type[Job]) -> str:
    """Return the filter of one kind of job."""
    return f"shale.job.{word(job)}.>"
