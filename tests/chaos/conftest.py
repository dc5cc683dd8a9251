"""A house of real processes per module, a visitor per test, and the logs of a test that failed."""

import shutil
import sys
from collections.abc import AsyncGenerator, Iterator

import pytest

from shale.testkit.house import House
from shale.testkit.visitor import Visitor, visiting


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run a house; a module that names an ACK_WAIT has its own."""
    ack_wait = getattr(request.module, "ACK_WAIT", 3.0)
    with House(tmp_path_factory.mktemp("house"), ack_wait=ack_wait) as running:
        yield running
    for folder in (running.models, running.registry):
        shutil.rmtree(folder, ignore_errors=True)  # gigabytes, which pytest would keep for three runs


@pytest.fixture
async def visitor(house: House) -> AsyncGenerator[Visitor]:
    """Visit the house, with one running process of each service."""
    house.reset()
    async with visiting(house) as one:
        yield one
    sys.stdout.write(house.logs())  # shown with a failure only


@pytest.fixture
def weights(house: House):
    """Return what makes a model's folder: small files by their contents, large ones by their sizes."""

    def make(name: str, small: dict[str, str] | None = None, **large: int) -> None:
        folder = house.models / name
        folder.mkdir(exist_ok=True)
        for path, text in ({"config.json": f'{{"name": "{name}"}}'} if small is None else small).items():
            (folder / path).write_text(text)
        for stem, size in large.items():
            with (folder / f"{stem}.safetensors").open("wb") as file:
                file.write(f"{name}/{stem}".encode())
                file.truncate(size)

    return make
