"""A wheel is built, installed into an empty environment and used there."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

import keras
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
USE = """
import keras, numpy as np
import keras_lt
counts = keras_lt.class_counts(np.array([0, 0, 0, 1]), num_classes=2)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", loss=keras_lt.losses.LogitAdjusted(counts))
model.fit(np.ones((4, 3)), np.array([0, 0, 0, 1]), verbose=0)
print(keras_lt.__file__)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        keras.config.backend() != "jax",
        reason="a wheel is the same for each backend, and built once",
    ),
]


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("build", reason="`build` makes the wheel")
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    # Neighbours of the package, to see that they stay out.
    for name in ("keras_lt", "tests", "applications", "scripts"):
        if (ROOT / name).exists():
            ignore = shutil.ignore_patterns("__pycache__", "results")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    options = ["--wheel", "--no-isolation", "--outdir", folder / "dist"]
    run(sys.executable, "-m", "build", *options, folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def test_wheel_holds_the_package_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "keras_lt"
    }
    assert "keras_lt/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "keras_lt").rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == sources


def test_wheel_works_outside_the_repository(wheel, tmp_path):
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "fresh")
    python = tmp_path / "fresh" / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    run(sys.executable, "-m", "pip", "--python", python, *install)
    # Keras and its backend come from here: they are too large to copy, and
    # a path does not bring in packages that are installed as links.
    packages = pathlib.Path(keras.__file__).parents[1]
    environment = {
        "PYTHONPATH": str(packages),
        "KERAS_BACKEND": "jax",
        "HOME": str(tmp_path),
    }
    output = run(python, "-c", USE, cwd=tmp_path, env=environment)
    where = pathlib.Path(output.splitlines()[-1])
    assert where.is_relative_to(tmp_path / "fresh")
