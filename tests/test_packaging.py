"""The wheel and the sdist: what they hold, what they declare, and that they work elsewhere."""

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import sklearn_tamulag

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def run(*command, cwd, **variables):
    """Run a command, in this environment plus the given variables, and return its output."""
    environment = {**os.environ, **variables}
    finished = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Build both distributions, the wheel from the sdist as an installer would."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_holds_the_package_alone(distributions):
    with zipfile.ZipFile(distributions[0]) as wheel:
        names = set(wheel.namelist())
    sources = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "sklearn_tamulag").rglob("*.py")
    }
    assert sources | {"sklearn_tamulag/py.typed"} <= names
    assert {name.partition("/")[0] for name in names} == {
        "sklearn_tamulag",
        f"sklearn_tamulag-{sklearn_tamulag.__version__}.dist-info",
    }
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_metadata_declare_version_python_and_extras(distributions):
    with zipfile.ZipFile(distributions[0]) as wheel:
        [path] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(wheel.read(path))
    assert metadata["Name"] == "sklearn-tamulag"
    assert metadata["Version"] == sklearn_tamulag.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra")) == {
        "dev",
        "docs",
        "plot",
        "text",
    }


def test_the_sdist_can_be_tested_but_holds_no_leftovers(distributions):
    with tarfile.open(distributions[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile"}
    assert wanted | {"sklearn_tamulag/py.typed", "tests/conftest.py", "docs/index.rst"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(".venv")]
    assert not [name for name in names if name.startswith(("docs/_build", "docs/generated"))]


def test_the_wheel_works_away_from_the_repository_without_extras(distributions, tmp_path):
    site = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--target", site, distributions[0], cwd=tmp_path)
    program = """
import importlib, pkgutil, sys
for extra in ("matplotlib", "transformers"):
    sys.modules[extra] = None  # an import of it fails, as where it is not installed
import sklearn_tamulag
for module in pkgutil.walk_packages(sklearn_tamulag.__path__, "sklearn_tamulag."):
    importlib.import_module(module.name)
print(sklearn_tamulag.__file__)
print(sklearn_tamulag.__version__)
"""
    lines = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(site)).splitlines()
    assert Path(lines[0]).is_relative_to(site)
    assert lines[1] == sklearn_tamulag.__version__
