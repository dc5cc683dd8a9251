"""What stands in each image, made by the very script that the Dockerfile runs: nothing else is on its path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shale.runtime.installed import services

ROOT = Path(__file__).resolve().parents[3]
SERVICES = tuple(services())
BIN = Path(sys.executable).parent
PINS = ROOT / "deploy" / "images" / "requirements"


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environ = {**clean, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHON": sys.executable}
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=280, check=False)


def install(*arguments: str | Path) -> None:
    ran = run("sh", ROOT / "deploy" / "images" / "install.sh", *arguments)
    if "error sending request" in ran.stderr or "dns error" in ran.stderr:
        pytest.skip(f"no index of packages answers: no image was filled: {ran.stderr[-300:]}")
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    install("wheels", folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_with_what_its_image_holds(wheels: Path, tmp_path: Path, name: str):
    image = tmp_path / "image"
    install("pins", name, image)
    install("ours", f"shale-{name}", image, wheels)
    python = image / "bin" / "python"
    module = f"shale.{name.replace('-', '_')}.program"
    imported = run(python, "-P", "-c", f"import {module}; print({module}.__file__)", cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.startswith(str(image))
    there = {path.name.partition("-")[0] for path in image.glob("lib/python*/site-packages/shale_*.dist-info")}
    others = {f"shale_{other.replace('-', '_')}" for other in SERVICES if other != name}
    assert there.isdisjoint({*others, "shale_cli", "shale_testkit", "shale_blueprint"})
    assert f"shale_{name.replace('-', '_')}" in there


@pytest.mark.slow
def test_the_command_knows_every_service_and_sources_that_lie_before_it_are_what_runs(wheels: Path, tmp_path: Path):
    """The image of `shale init`; and the line by which Tilt's image prefers what is copied into it."""
    image, source = tmp_path / "image", tmp_path / "src" / "libs"
    install("pins", "shale-cli", image)
    install("ours", "shale-cli[embedded]", image, wheels)
    python = image / "bin" / "python"
    known = run(python, "-P", "-c", "from shale.runtime.installed import services; print(*services())", cwd=tmp_path)
    assert tuple(known.stdout.split()) == SERVICES, known.stderr
    (line,) = (one for one in (ROOT / "deploy/images/service.Dockerfile").read_text().splitlines() if "sys.path" in one)
    said = line.partition('"')[2].rpartition('"')[0].replace("/src/", f"{tmp_path}/src/")
    source.mkdir(parents=True)
    (source / "runtime").symlink_to(ROOT / "libs" / "runtime")
    (site,) = image.glob("lib/python*/site-packages")
    (site / "live.pth").write_text(f"{said}\n")
    asked = "import shale.runtime.process as p, shale.contracts.about as a; print(p.__file__, a.__file__)"
    found = run(python, "-P", "-c", asked)
    live, installed = found.stdout.split()
    assert live.startswith(str(source))
    assert installed.startswith(str(site))


@pytest.mark.parametrize("name", [*SERVICES, "shale-cli", "build"])
def test_what_an_image_installs_is_pinned_by_hash(name: str):
    lines = (PINS / f"{name}.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
    workspace = (ROOT / "requirements.txt").read_text()
    assert [pin for pin in pins if pin not in workspace] == []


def test_the_dockerfile_runs_as_nobody_and_copies_only_what_is_let_through():
    text = (ROOT / "deploy/images/service.Dockerfile").read_text()
    last = text.rpartition("FROM ")[2]
    assert last.startswith("base AS release"), "the last stage is what is built without --target"
    base = text.partition(" AS base\n")[2].partition("\nFROM ")[0]
    assert "USER 65532:65532" in base
    through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [line.split()[-2] for line in text.splitlines() if line.startswith("COPY") and "--from=" not in line]
    assert copied
    assert [path for path in copied if not any(path.startswith(one) for one in through)] == []
    assert all((ROOT / path).exists() for path in through)
