"""The whole road to a real docker-registry, in each way it may be reached; pulled back by skopeo."""

import asyncio
import base64
from pathlib import Path

import pytest

from shale.contracts.facts import ImageBuilt, LayerPacked, Released
from shale.contracts.jobs import PackLayer
from shale.oci.descriptor import MODEL_MANIFEST
from shale.oci.distribution.registry import Distribution
from shale.testkit.dockerregistry import PASSWORD, USER
from shale.testkit.secrets import docker_secret

pytestmark = pytest.mark.real_nats

PATIENT = 60.0
MIB = 1 << 20
KINDS = ["plain", "htpasswd", "tls", "token"]
WORDS = (PASSWORD.encode(), base64.b64encode(f"{USER}:{PASSWORD}".encode()), base64.b64encode(PASSWORD.encode()))
"""The password as it might be told, and how every token of the token server begins."""
TOKEN = b"eyJ"


def peak(pid):
    """Return the most memory that a process ever held, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_version_stands_in_a_registry_and_is_pulled_byte_for_byte(road, kind):
    wish = road.named(kind, "to")
    files = road.model(f"to-{kind}", b"w" * 17 * MIB)
    await road.visitor.apply(f"to-{kind}", imageTag="v1", **wish)
    ready = await road.visitor.reaches(f"to-{kind}", within=PATIENT)
    assert ready.status.image == f"{wish['imageRepo']}:v1"
    for platform in ("amd64", "arm64"):
        assert road.pulled(kind, f"{wish['imageRepo']}@{ready.status.digest}", platform) == files


async def test_a_version_after_it_is_sent_nothing_also_by_who_has_no_index(road):
    """These packers have no key, and so none: the repository's own manifests say what may lie there."""
    wish = road.named("plain", "after")
    road.model("after", b"w" * 17 * MIB, 18 * MIB)
    for number, reused in ((1, False), (2, True)):
        storage = {"localStorage": {"path": "/models/after", "nodeName": "here"}}
        await road.visitor.apply(f"after-{number}", imageTag=f"v{number}", storage=storage, **wish)
        ready = await road.visitor.reaches(f"after-{number}", within=PATIENT)
        weights = [layer for layer in ready.status.layers if layer.size > 16 * MIB]
        assert [layer.reused for layer in weights] == [reused] * 2


async def test_no_secret_is_in_a_log_a_message_or_a_command(road):
    """Every kind of registry, one that is kept out, and all that was told of it on the way."""
    for kind in ("htpasswd", "token"):
        road.model(f"marked-{kind}")
        await road.visitor.apply(f"marked-{kind}", imageTag="v1", **road.named(kind, "marked"))
        await road.visitor.reaches(f"marked-{kind}", within=PATIENT)
    road.secrets.put(docker_secret(road.park.running("htpasswd").host, USER, f"{PASSWORD}!", "wrong"))
    road.model("kept-out")
    repo = f"{road.park.running('htpasswd').host}/team/kept-out"
    uid = (await road.visitor.apply("kept-out", imageRepo=repo, pushSecretRef={"name": "wrong"})).metadata.uid
    await road.stalls("kept-out", "Unauthorized")
    logs = b"".join(process.log.read_bytes() for process in road.house.processes)
    stored = b"".join(path.read_bytes() for path in road.house.server.store.rglob("*") if path.is_file())
    processes = [Path(f"/proc/{process.pid}") for process in road.house.processes if process.is_running]
    commands = b"".join((one / name).read_bytes() for one in processes for name in ("cmdline", "environ"))
    for place, known in ((logs, b"shale.process"), (stored, uid.encode()), (commands, b"SHALE_SECRETS_DIR")):
        assert known in place, "what is searched is really there"
        assert [word for word in (*WORDS, TOKEN) if word in place] == []


async def test_a_missing_secret_is_said_before_a_byte_is_read(road):
    wish = road.named("htpasswd", "early") | {"pushSecretRef": {"name": "not-yet"}}
    road.model("early")
    uid = (await road.visitor.apply("early", **wish)).metadata.uid
    stalled = await road.stalls("early", "SecretNotFound")
    assert "Secret team-a/not-yet is not there: write its manifest to" in stalled.message
    assert await road.visitor.jobs(uid) == []
    road.secrets.put(docker_secret(road.park.running("htpasswd").host, USER, PASSWORD, "not-yet"))
    await road.visitor.apply("early", attempt=1, **wish)
    ready = await road.visitor.reaches("early", within=PATIENT)
    assert [one.type for one in ready.status.conditions if one.type == "Stalled"] == []


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        pytest.param({"labels": {}}, "SecretNotGranted", id="not labelled"),
        pytest.param({"host": "other.example"}, "SecretNotGranted", id="for another host"),
        pytest.param({"password": "wrong"}, "Unauthorized", id="not believed"),
    ],
)
async def test_a_secret_that_opens_nothing_stalls_with_its_cure(road, secret, reason):
    host, name = road.park.server("htpasswd").host, f"bad-{len(str(secret))}"
    made = docker_secret(secret.get("host", host), USER, secret.get("password", PASSWORD), name)
    made["metadata"]["labels"] = secret.get("labels", made["metadata"]["labels"])
    road.secrets.put(made)
    road.model(name)
    await road.visitor.apply(name, imageRepo=f"{host}/team/x", pushSecretRef={"name": name})
    assert (await road.stalls(name, reason)).message


async def test_who_cannot_prove_who_he_is_stalls(road):
    road.model("untrusted")
    await road.visitor.apply("untrusted", imageRepo=f"{road.park.server('tls').host}/team/x")
    assert "registry.caSecretRef" in (await road.stalls("untrusted", "Untrusted")).message


async def test_a_secret_that_goes_while_layers_are_packed_stalls_and_goes_on(road):
    wish = road.named("htpasswd", "half-way")
    road.model("half-way", b"w", 17 * MIB)
    road.house.the("builder-sync").pause()
    uid = (await road.visitor.apply("half-way", imageTag="v1", **wish)).metadata.uid

    async def asked():
        return await road.visitor.jobs(uid)

    await road.visitor.until("the scan is asked", asked, PATIENT)
    (road.secrets.root / "team-a" / "push-htpasswd.yaml").unlink()
    road.house.the("builder-sync").resume()
    await road.visitor.hears(PackLayer, uid, within=PATIENT)
    await road.stalls("half-way", "SecretNotFound")
    road.named("htpasswd", "half-way")
    await road.visitor.apply("half-way", imageTag="v1", attempt=1, **wish)
    await road.visitor.reaches("half-way", within=PATIENT)
    assert await road.visitor.times(ImageBuilt, uid) == {"2": 1}


async def test_collecting_untagged_manifests_leaves_all_that_an_image_needs(road):
    wish = road.named("plain", "collected")
    files = road.model("collected", b"w" * 17 * MIB)
    await road.visitor.apply("collected", imageTag="v1", **wish)
    digest = (await road.visitor.reaches("collected", within=PATIENT)).status.digest
    road.park.running("plain").collect()
    for platform in ("amd64", "arm64"):
        for reference in (f"@{digest}", ":v1", f":v1-linux-{platform}"):
            assert road.pulled("plain", wish["imageRepo"] + reference, platform) == files
    registry = Distribution(road.park.options("plain"))
    [pack] = registry.referrers(wish["imageRepo"], digest)
    assert (pack.artifact_type, registry.resolve(wish["imageRepo"], "v1-modelpack")) == (
        MODEL_MANIFEST,
        registry.resolve(wish["imageRepo"], pack.digest),
    )
    registry.close()


async def test_two_that_are_the_same_are_deleted_at_once_and_both_go(road):
    wish = road.named("htpasswd", "twins") | {"deletionPolicy": "Delete"}
    registry = Distribution(road.park.options("htpasswd"))
    ready = []
    for name in ("twin-1", "twin-2"):
        road.model(name)
        await road.visitor.apply(name, imageTag=name, **wish)
        ready.append(await road.visitor.reaches(name, within=PATIENT))
    digests = {version.status.digest for version in ready}
    assert len(digests) == 1
    await asyncio.gather(*(road.visitor.delete(name) for name in ("twin-1", "twin-2")))
    for version in ready:
        released = await road.visitor.hears(Released, version.metadata.uid, "image-builder", within=PATIENT)
        assert released.left == ()
        await road.visitor.vanishes(version.metadata.name, within=PATIENT)
    assert registry.tags(wish["imageRepo"]) == ()
    assert registry.resolve(wish["imageRepo"], digests.pop()) is None
    registry.close()


@pytest.mark.parametrize(("kind", "why"), [("keeping", "deletes nothing"), ("htpasswd", "is not there")])
async def test_what_cannot_be_deleted_is_left_by_name_and_the_object_goes(road, kind, why):
    """A registry that deletes nothing, and one whose Secret is gone."""
    wish, name = road.named(kind, "left") | {"deletionPolicy": "Delete"}, f"left-{kind}"
    road.model(name)
    await road.visitor.apply(name, imageTag=name, **wish)
    version = await road.visitor.reaches(name, within=PATIENT)
    for path in (road.secrets.root / "team-a").glob("push-htpasswd.yaml"):
        path.unlink()
    await road.visitor.delete(name)
    released = await road.visitor.hears(Released, version.metadata.uid, "image-builder", within=PATIENT)
    assert any(f"{wish['imageRepo']}:{name}@{version.status.digest}: " in one and why in one for one in released.left)
    await road.visitor.vanishes(name, within=PATIENT)


async def test_a_worker_holds_little_of_what_it_sends(road):
    """Four large layers at a time."""
    road.model("large", b"w", *[40 * MIB] * 4)
    uid = (await road.visitor.apply("large", imageTag="v1", **road.named("plain", "large"))).metadata.uid
    await road.visitor.reaches("large", within=PATIENT)
    assert len(await road.visitor.times(LayerPacked, uid)) == 5
    held = peak(road.house.the("builder-sync").pid)
    assert held <= 72 * 1024
