"""The wheel holds all that the program needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def files_of_the_package(root: Path) -> set[str]:
    source = root / "src"
    return {
        str(path.relative_to(source))
        for path in (source / "becalm").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_file_of_the_package_is_in_the_wheel(wheel: zipfile.ZipFile, root: Path) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == files_of_the_package(root)


def test_the_wheel_carries_the_licence_and_the_command(wheel: zipfile.ZipFile) -> None:
    names = {name.split(".dist-info/")[-1]: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "MIT License" in wheel.read(names["licenses/LICENSE"]).decode()
    assert "becalm = becalm.app.main:main" in wheel.read(names["entry_points.txt"]).decode()
