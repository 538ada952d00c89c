"""Keeps the library in the shape in which a reader finds things."""

import ast
import importlib
import inspect
import pathlib
import re

import pytest

import keras_lt
from tests.public_names import public_modules
from tests.public_names import public_objects

PACKAGE = pathlib.Path(keras_lt.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOT = PACKAGE.parent
LEVELS = [  # A package may import from the lines above its own.
    {
        "class_statistics",
        "counts",
        "distribution",
        "file_writing",
        "float_arrays",
        "graph",
        "image_shapes",
        "keras_rules",
        "markdown",
        "package_version",
        "plain_description",
        "registration",
        "replicas",
        "score_weights",
        "seed_states",
        "types",
        "validation",
    },
    {"ops"},
    {"data", "samplers", "layers", "losses", "metrics"},
    {"objectives"},
    {"inference"},
    {"models"},
    {"callbacks", "posthoc"},
    {"training", "report"},
]
LEVEL = {name: i for i, names in enumerate(LEVELS) for name in names}
ALLOWED = {("data", "samplers")}
HEAVY = {
    "PIL",
    "absl",
    "cv2",
    "etils",
    "grain",
    "jax",
    "keras_cv",
    "keras_hub",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pandas",
    "scipy",
    "sklearn",
    "tensorflow",
    "tensorflow_datasets",
    "torch",
}
VAGUE = {"common", "helper", "helpers", "misc", "tools", "util", "utils"}


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def owner_of(path):
    """The package, or the module, below `keras_lt` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "keras_lt":
                yield from (f"keras_lt.{alias.name}" for alias in node.names)
            elif node.module in ("keras", "keras.src"):
                yield from (f"{node.module}.{n.name}" for n in node.names)
            else:
                yield node.module or ""


def when_imported(tree):
    """Yields the nodes that run when the module is imported."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def test_every_module_has_a_level():
    owners = {owner_of(path) for path in FILES} - {"__init__"}
    assert owners <= set(LEVEL)


def test_imports_point_one_way():
    upward = []
    for path in FILES:
        source = owner_of(path)
        if source == "__init__":
            continue
        for module in imported_modules(ast.walk(parse(path))):
            if not module.startswith("keras_lt."):
                continue
            target = module.split(".")[1]
            if target == source or (source, target) in ALLOWED:
                continue
            if LEVEL[source] == 0 == LEVEL[target]:
                continue
            if LEVEL[target] >= LEVEL[source]:
                upward.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not upward


def test_no_relative_imports():
    relative = [
        str(path.relative_to(ROOT))
        for path in FILES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_heavy_packages_wait_until_they_are_needed():
    early = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in FILES
        for module in imported_modules(when_imported(parse(path)))
        if module.split(".")[0] in HEAVY
    ]
    assert not early


def test_library_imports_neither_applications_nor_scripts():
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in FILES
        for module in imported_modules(ast.walk(parse(path)))
        if module.split(".")[0] in ("applications", "scripts", "tests")
    ]
    assert not wrong


def test_nothing_imports_scripts():
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / "applications").rglob("*.py"))
        for module in imported_modules(ast.walk(parse(path)))
        if module.split(".")[0] == "scripts"
    ]
    assert not wrong


def test_no_private_part_of_keras_is_used():
    private = []
    for path in FILES:
        tree = parse(path)
        names = set(imported_modules(ast.walk(tree)))
        names |= {
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
        }
        private += [
            f"{path.relative_to(ROOT)}: {name}"
            for name in sorted(names)
            if name.startswith(("keras.src", "keras.backend"))
        ]
    assert not private


# Names of Keras that may change with any version, the one file with each,
# and why there is no other way.
PRIVATE_PARTS = {
    # Layers inside of layers; `model.layers` does not list them.
    ("keras_lt/graph/layer_tree.py", "_flatten_layers"),
    # What a layer trains; `trainable_variables` leaves out what is frozen.
    ("keras_lt/graph/layer_tree.py", "_trainable_variables"),
    # The data set that Keras distributes, whose tuning threads outlive it.
    ("keras_lt/models/input_tuning.py", "_distributed_dataset"),
    # Keras would build the model on the batch of all replicas.
    ("keras_lt/models/replicated_model.py", "_maybe_symbolic_build"),
    # Where `BackupAndRestore` has a training go on, and every later one.
    ("keras_lt/models/restored_epoch.py", "_initial_epoch"),
}


def defined_names(tree):
    """Names that a file gives to functions, classes and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and is_own(node):
            yield node.attr


def is_own(attribute):
    return ast.unparse(attribute.value) in ("self", "cls")


def private_parts_of_others(files):
    """Yields attributes with an underscore that no own class has.

    `super()` may be a class of another file, and anything else one of the same.
    """
    trees = {path: parse(path) for path in files}
    defined = {path: set(defined_names(tree)) for path, tree in trees.items()}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or is_own(node):
                continue
            if not node.attr.startswith("_") or node.attr.startswith("__"):
                continue
            above = ast.unparse(node.value) == "super()"
            known = (
                set().union(*(defined[one] for one in files if one != path))
                if above
                else defined[path]
            )
            if node.attr not in known:
                yield path, node.attr


def test_private_parts_of_others_are_few_and_known():
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path, name in private_parts_of_others(FILES)
    }
    assert found == PRIVATE_PARTS


def test_private_parts_are_told_from_own_ones(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(
        "class Own(Base):\n"
        "    def _start(self, other, model):\n"
        "        other._start(self._own, other._own, model._theirs)\n"
        "        super()._start(model.__dict__)\n"
    )
    names = [name for _, name in private_parts_of_others([path])]
    assert sorted(names) == ["_start", "_theirs"]


def test_no_file_is_long():
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in FILES
    }
    assert {name: n for name, n in lines.items() if n > 400} == {}


def test_files_are_short_as_a_rule():
    lines = sorted(len(path.read_text().splitlines()) for path in FILES)
    assert lines[len(lines) // 2] <= 90
    assert lines[int(0.95 * len(lines))] <= 250


def test_module_names_say_what_is_inside():
    assert not [str(path) for path in FILES if path.stem.strip("_") in VAGUE]


def test_one_public_class_a_file():
    crowded = {}
    for path in FILES:
        classes = [
            node.name
            for node in parse(path).body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        ]
        if len(classes) > 1:
            crowded[str(path.relative_to(ROOT))] = classes
    assert crowded == {}


@pytest.mark.parametrize(
    "module", list(public_modules()), ids=lambda module: module.__name__
)
def test_all_is_complete(module):
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), f"{module.__name__}.{name}"
    source = pathlib.Path(module.__file__).read_text(encoding="utf-8")
    imported = {
        alias.asname or alias.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module.startswith("keras_lt")
    }
    assert imported == set(module.__all__)


def test_no_file_is_named_as_what_it_offers():
    """`from keras_lt.x import y` must not depend on what was imported first."""
    shadowed = [
        name
        for name in public_objects()
        if (ROOT / name.replace(".", "/")).with_suffix(".py").exists()
    ]
    assert shadowed == []


@pytest.mark.parametrize("name", sorted(public_objects()))
def test_docstring(name):
    thing = public_objects()[name]
    text = inspect.getdoc(thing)
    assert text, "has no docstring"
    first, _, rest = text.partition("\n")
    assert first.endswith("."), "starts with a line that is no sentence"
    assert len(first) <= 76, "starts with a long line"
    assert not rest or rest.startswith("\n"), "starts with two lines"
    assert "Example:" in text or is_base(thing), "has no example"


def is_base(thing):
    """Tells whether a class is there to be derived from, or to be typed."""
    if not inspect.isclass(thing):
        return False
    derived = [
        other
        for other in public_objects().values()
        if inspect.isclass(other)
        and other is not thing
        and thing in other.__mro__
    ]
    return bool(derived) or getattr(thing, "_is_protocol", False)


@pytest.mark.parametrize("name", sorted(public_objects()))
def test_arguments_are_typed_and_described(name):
    thing = public_objects()[name]
    if getattr(thing, "_is_protocol", False):
        return
    text = inspect.getdoc(thing)
    function = thing.__init__ if inspect.isclass(thing) else thing
    if not inspect.isfunction(function):
        return
    for argument in inspect.signature(function).parameters.values():
        if argument.name == "self":
            continue
        assert argument.annotation is not argument.empty, argument.name
        if "Args:" in text:
            described = rf"^\s*\*{{0,2}}{argument.name}:"
            assert re.search(described, text, re.MULTILINE), argument.name


def test_examples_are_found_where_doctest_looks():
    """Doctest reads modules, so each must be one that can be imported."""
    for path in FILES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        importlib.import_module(".".join(parts).removesuffix(".__init__"))


def test_test_files_import_no_test_files():
    imported = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (node.module, *(one.name for one in node.names))
        if name.endswith("_test")
    ]
    assert imported == []
