"""The shape of the package: which room may import which, file sizes, docstrings, a calm import."""

import ast
import dataclasses
import importlib
import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

# A development tool: an installation without extras lacks it.
validate = pytest.importorskip("numpydoc.validate").validate

PACKAGE = Path(__file__).parents[1] / "sklearn_tamulag"
DOCS = Path(__file__).parents[1] / "docs"

# From the ground up: a room imports only from floors below its own. docs/architecture.rst says
# what each room is.
FLOORS = (
    ("_version", "exceptions", "data"),
    ("persistence", "labels", "text", "datasets"),
    ("nn", "metrics"),
    ("training.feeding", "training.objective", "preprocessing", "inspection", "testing"),
    ("training.loop",),
    ("training.resuming",),
    ("estimators", "model_selection"),
    ("ensemble",),
)
ROOMS = tuple(room for floor in FLOORS for room in floor)
HIGH_ROOMS = {
    *(room for room in ROOMS if room.startswith("training")),
    "nn",
    "labels",
    "estimators",
    "ensemble",
}
ROOT_FILES = {"__init__.py", "_version.py", "exceptions.py", "py.typed"}
# The one module that may name what scikit-learn keeps private.
PRIVATE_SKLEARN = "data.sklearn_private"
OPTIONAL = {"matplotlib", "transformers"}
MAX_LINES = 350

# The rules of numpydoc that catch a docstring which says too little or says it wrongly.
DOCSTRING_CHECKS = {
    "GL03": "two blank lines in a row",
    "GL06": "an unknown section",
    "GL07": "sections in the wrong order",
    "GL08": "no docstring",
    "SS01": "no summary",
    "SS02": "a summary without a capital",
    "SS03": "a summary without a period",
    "PR01": "a parameter that is not described",
    "PR02": "a described parameter that does not exist",
    "PR03": "parameters in the wrong order",
    "PR04": "a parameter without a type",
    "PR07": "a parameter without a description",
    "RT01": "no section Returns",
    "RT03": "a return value without a description",
    "YD01": "no section Yields",
}


def module_name(path: Path) -> str:
    """Return the dotted name below the package; "" is the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}
INNER_MODULES = sorted(MODULES.keys() - PACKAGES)
PUBLIC_MODULES = sorted(name for name in MODULES if not re.search(r"(^|\.)_", name))


def imported_names(module: str, source: str) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every imported module, absolute, with the statement that imports it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                below = 0 if module in PACKAGES else 1
                own = ["sklearn_tamulag", *filter(None, module.split("."))]
                kept = own[: len(own) - (node.level - 1 + below)]
                base = ".".join([*kept, *filter(None, [base])])
            for alias in node.names:
                yield f"{base}.{alias.name}", node


def inner_imports(module: str, source: str) -> set[str]:
    """Return the modules of this package that a module imports, as names below the package."""
    found = set()
    for name, _ in imported_names(module, source):
        top, _, inner = name.partition(".")
        if top != "sklearn_tamulag":
            continue
        # The last part may be a name inside a module rather than a module.
        while inner not in MODULES:
            inner = inner.rpartition(".")[0]
        found.add(inner)
    return found


def room_of(module: str) -> str:
    """Return the room that a module lies in."""
    fitting = [room for room in ROOMS if module == room or module.startswith(f"{room}.")]
    assert fitting, f"{module!r} belongs to no room: add it to FLOORS and to docs/architecture.rst"
    return fitting[0]


def floor_of(room: str) -> int:
    """Return the number of a room's floor."""
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def upward_imports(module: str, source: str) -> list[str]:
    """Return what a module imports that is neither in its own room nor on a floor below."""
    here = room_of(module)
    return sorted(
        target
        for target in inner_imports(module, source)
        # A gathering of rooms, the package itself or `training`, is no room.
        if target in ("", "training")
        or (room_of(target) != here and floor_of(room_of(target)) >= floor_of(here))
    )


def private_imports(module: str, source: str) -> list[str]:
    """Return the names of scikit-learn that it keeps to itself and a module imports."""
    return sorted(
        name
        for name, _ in imported_names(module, source)
        if name.startswith("sklearn.") and re.search(r"\._(?!_)", name)
    )


def eager_imports(source: str) -> set[str]:
    """Return the top-level packages imported as soon as a module is, types for checkers aside."""
    found = set()
    pending: list[ast.stmt] = list(ast.parse(source).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending.extend(inner_statements(node))
    return found


def inner_statements(node: ast.stmt) -> list[ast.stmt]:
    """Return the statements directly inside a compound statement, handlers included."""
    holders = [node, *getattr(node, "handlers", [])]
    fields = ("body", "orelse", "finalbody")
    return [inner for holder in holders for field in fields for inner in getattr(holder, field, [])]


def public_objects(module: str) -> Iterator[str]:
    """Yield the dotted names of the functions, classes and methods that a module offers."""
    name = f"sklearn_tamulag.{module}".rstrip(".")
    loaded = importlib.import_module(name)
    for attribute, member in vars(loaded).items():
        home = getattr(member, "__module__", None) or ""
        exported = attribute in getattr(loaded, "__all__", ()) and home.startswith(loaded.__name__)
        if attribute.startswith("_") or not (home == name or exported):
            continue
        if inspect.isclass(member):
            yield f"{name}.{attribute}"
            yield from public_methods(f"{name}.{attribute}", member)
        elif inspect.isfunction(member):
            yield f"{name}.{attribute}"


def public_methods(name: str, cls: type) -> Iterator[str]:
    """Yield the dotted names of a class's public methods and properties, this package's ones."""
    kinds = (classmethod, staticmethod, property)
    members = {
        attribute: member
        for base in reversed(cls.__mro__)
        if base.__module__.startswith("sklearn_tamulag")
        for attribute, member in vars(base).items()
    }
    for attribute, member in members.items():
        if attribute.startswith("_"):
            continue
        # A method that exists under a condition only keeps the function it wraps in `fn`.
        if isinstance(member, kinds) or inspect.isfunction(getattr(member, "fn", member)):
            yield f"{name}.{attribute}"


def described_elsewhere(name: str) -> set[str]:
    """Return the rules that another docstring already answers for an object."""
    holder_name, _, attribute = name.rpartition(".")
    holder = pydoc.locate(holder_name)
    member = getattr(holder, attribute)
    if inspect.isclass(holder) and any(
        base.__module__.startswith("skorch") and attribute in vars(base) for base in holder.__mro__
    ):
        # A seam of skorch that is overridden keeps the parameters that skorch describes.
        return {"PR01", "RT01", "YD01"}
    maker = getattr(getattr(member, "__init__", None), "__module__", "")
    if inspect.isclass(member) and not maker.startswith("sklearn_tamulag"):
        # A constructor that is inherited from another library is described there.
        return {"PR01"}
    if maker.endswith("estimators.parameters") and not name.endswith(("Regressor", "Classifier")):
        # The two estimators say what the parameters mean that their bases store.
        return {"PR01"}
    if dataclasses.is_dataclass(member):
        # A result with named fields describes them as attributes; nobody calls its constructor.
        docstring = inspect.getdoc(member) or ""
        if all(f"\n{field.name} : " in docstring for field in dataclasses.fields(member)):
            return {"PR01"}
    return set()


def docstring_problems(name: str) -> list[str]:
    """Return what the chosen rules of numpydoc find in an object's docstring."""
    checked = DOCSTRING_CHECKS.keys() - described_elsewhere(name)
    return [
        f"{code} ({DOCSTRING_CHECKS[code]}): {text}"
        for code, text in validate(name)["errors"]
        if code in checked
    ]


@pytest.mark.parametrize("module", INNER_MODULES)
def test_a_room_imports_only_from_floors_below(module):
    assert upward_imports(module, MODULES[module].read_text("utf-8")) == []


def test_an_upward_import_is_found():
    assert upward_imports("data.rows", "from ..nn import x") == ["nn"]
    assert upward_imports("labels.memory", "from ..text import x\nfrom .regression import y") == [
        "text"
    ]
    late = "def late():\n    from ..metrics import acc2"
    assert upward_imports("data.rows", late) == ["metrics"]
    assert upward_imports("nn.heads", "import sklearn_tamulag") == [""]
    assert upward_imports("metrics._binary", "from ..data.rows import x\nfrom . import y") == []


def test_the_ground_imports_nothing_but_the_exceptions():
    reached = {
        room_of(target)
        for module in INNER_MODULES
        if room_of(module) == "data"
        for target in inner_imports(module, MODULES[module].read_text("utf-8"))
    }
    assert reached <= {"data", "exceptions"}


def test_the_root_holds_no_rooms():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == ROOT_FILES


def test_the_tests_mirror_the_rooms():
    tests = Path(__file__).parent
    folders = {
        path.parent.relative_to(tests).as_posix().replace("/", ".")
        for path in tests.rglob("test_*.py")
    }
    assert folders - {".", "golden"} <= set(ROOMS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_what_scikit_learn_keeps_private_goes_through_one_module(module):
    found = private_imports(module, MODULES[module].read_text("utf-8"))
    assert not found or module == PRIVATE_SKLEARN


def test_a_private_import_is_found():
    source = "from sklearn.utils._param_validation import Interval\nfrom sklearn.base import _x"
    assert private_imports("metrics", source) == [
        "sklearn.base._x",
        "sklearn.utils._param_validation.Interval",
    ]
    assert private_imports("metrics", "from sklearn.base import clone, __version__") == []


def test_no_import_goes_in_a_circle():
    graph = {
        module: inner_imports(module, MODULES[module].read_text("utf-8")) - PACKAGES
        for module in INNER_MODULES
    }
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError on a circle
    assert set(order) >= set(graph)


@pytest.mark.parametrize("start", ["metrics", "datasets"])
def test_metrics_and_datasets_need_no_training_code(start):
    reached, pending = set(), {name for name in MODULES if name.partition(".")[0] == start}
    while pending:
        module = pending.pop()
        reached.add(module)
        pending |= inner_imports(module, MODULES[module].read_text("utf-8")) - reached
    assert start in reached
    assert HIGH_ROOMS.isdisjoint({room_of(module) for module in reached})
    for module in reached:
        assert {"torch", "skorch"}.isdisjoint(eager_imports(MODULES[module].read_text("utf-8")))


def test_only_the_estimators_read_the_options():
    readers = {
        module
        for module in INNER_MODULES
        if "estimators.options" in inner_imports(module, MODULES[module].read_text("utf-8"))
    }
    assert {room_of(module) for module in readers} == {"estimators"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_file_is_short(module):
    n_lines = len(MODULES[module].read_text("utf-8").splitlines())
    assert n_lines <= MAX_LINES


@pytest.mark.parametrize("module", sorted(MODULES))
def test_optional_packages_are_imported_where_they_are_used(module):
    assert OPTIONAL.isdisjoint(eager_imports(MODULES[module].read_text("utf-8")))


def test_an_eager_import_is_found_wherever_it_hides():
    assert eager_imports("try:\n    import matplotlib\nexcept ImportError:\n    import os") == {
        "matplotlib",
        "os",
    }
    assert eager_imports("class Plot:\n    import matplotlib.pyplot as plt") == {"matplotlib"}
    assert eager_imports("def plot():\n    import matplotlib") == set()
    assert eager_imports("if TYPE_CHECKING:\n    from transformers import Trainer") == set()


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_public_docstrings_say_everything(module):
    problems = {name: docstring_problems(name) for name in public_objects(module)}
    assert {name: found for name, found in problems.items() if found} == {}


def test_every_public_name_exists_once():
    import sklearn_tamulag

    assert len(set(sklearn_tamulag.__all__)) == len(sklearn_tamulag.__all__)
    assert all(hasattr(sklearn_tamulag, name) for name in sklearn_tamulag.__all__)


def test_the_documentation_lists_the_rooms_in_their_order():
    page = (DOCS / "architecture.rst").read_text("utf-8")
    listed = [
        name.removesuffix(".py").strip("/").replace("/", ".")
        for name in re.findall(r"^\d +``([\w/.]+)`` ", page, re.MULTILINE)
    ]
    assert listed == list(ROOMS)


@pytest.mark.parametrize("name", ["TAMULAGRegressor", "TAMULAGClassifier"])
def test_the_parameters_stand_in_the_groups_that_the_docstring_names(name):
    import sklearn_tamulag

    estimator = getattr(sklearn_tamulag, name)
    notes = inspect.getdoc(estimator).partition("The parameters stand in groups:")[2]
    table = notes.partition("References")[0].rpartition("=\n")[0]
    grouped = re.findall(r"`(\w+)`", table)
    assert grouped == list(inspect.signature(estimator).parameters)


def test_signatures_name_types_and_do_not_expand_them():
    from sklearn_tamulag import TAMULAGRegressor
    from sklearn_tamulag.model_selection import evaluate_seeds

    for function in (TAMULAGRegressor.fit, evaluate_seeds):
        described = pydoc.plain(pydoc.render_doc(function)).splitlines()[2]
        assert "ArrayLike" in described
        assert "Buffer" not in described


@pytest.mark.parametrize(
    "room",
    [
        *("", "exceptions", "preprocessing", "datasets", "metrics", "model_selection"),
        *("inspection", "ensemble", "testing"),
    ],
)
def test_the_documentation_lists_every_public_name(room):
    page = (DOCS / "api.rst").read_text("utf-8")
    prefix = f"{room}." if room else ""
    module = importlib.import_module(f"sklearn_tamulag.{room}".rstrip("."))
    public = {
        name
        for name in module.__all__
        if getattr(getattr(module, name), "__module__", "").startswith("sklearn_tamulag")
    }
    listed = set(re.findall(rf"^   {re.escape(prefix)}(\w+)$", page, re.MULTILINE))
    assert public
    # MultimodalPadder is listed where the package itself offers it.
    assert public - {"MultimodalPadder"} <= listed


def test_import_leaves_random_states_and_optional_packages_alone():
    program = """
import random, sys
import numpy, torch
import sklearn.model_selection  # draws from `random` itself while it is imported
before = (random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
import importlib, pkgutil
import sklearn_tamulag
for module in pkgutil.walk_packages(sklearn_tamulag.__path__, "sklearn_tamulag."):
    importlib.import_module(module.name)
after = (random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
assert before == after, "importing the package moved a global random state"
assert (threads, dtype) == (torch.get_num_threads(), torch.get_default_dtype())
loaded = {"matplotlib", "transformers"} & set(sys.modules)
assert not loaded, f"importing the package imported {loaded}"
print("calm")
"""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout) == (0, "calm\n"), finished.stderr
