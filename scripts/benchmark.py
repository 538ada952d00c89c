"""Measures one part of keras_lt on this machine, and prints a table.

Example:
    python scripts/benchmark.py --what=pipeline --output=pipeline.json
"""

import importlib
import json
import pathlib
import sys

from absl import app
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from scripts import backend  # noqa: E402

_FOLDER = pathlib.Path(__file__).parent
_PARTS = sorted(
    path.stem
    for path in (_FOLDER / "benchmarks").glob("*.py")
    if not path.stem.startswith("_")
)

_WHAT = flags.DEFINE_enum("what", None, _PARTS, "What to measure.")
_BACKEND = flags.DEFINE_enum(
    "backend", None, backend.BACKENDS, "Backend of Keras."
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 3, "How often each number is measured.", lower_bound=1
)
_SIZE = flags.DEFINE_integer(
    "size", None, "Number of examples, instead of the usual.", lower_bound=1
)
_DTYPE_POLICY = flags.DEFINE_enum(
    "dtype_policy",
    "float32",
    backend.DTYPE_POLICIES,
    "Precision of networks; losses stay in float32.",
)
_THREADS = flags.DEFINE_integer(
    "threads", None, "CPU threads of the backend.", lower_bound=1
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results.")
_MARKDOWN = flags.DEFINE_string(
    "markdown", None, "Markdown file for the table, with what it was made with."
)


def main(arguments: list[str]) -> None:
    if len(arguments) > 1:
        raise app.UsageError(f"Unknown arguments: {arguments[1:]}")
    backend.set_up_keras(_BACKEND.value, _DTYPE_POLICY.value, _THREADS.value)
    # Only now, as importing Keras settles the backend.
    part = importlib.import_module(f"scripts.benchmarks.{_WHAT.value}")
    size = {} if _SIZE.value is None else {"size": _SIZE.value}
    results = part.run(_REPEATS.value, **size)
    _print_table(results)
    if _OUTPUT.value:
        _write(
            pathlib.Path(_OUTPUT.value), json.dumps(results, indent=2) + "\n"
        )
    if _MARKDOWN.value:
        page = importlib.import_module("scripts.benchmarks._page")
        _write(pathlib.Path(_MARKDOWN.value), page.page(results, _text))


def _print_table(results: list[dict]) -> None:
    names = list(results[0])
    cells = [names, *([_text(row[name]) for name in names] for row in results)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)))


def _text(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _write(path: pathlib.Path, text: str) -> None:
    from keras_lt.file_writing import replacing

    with replacing(path) as partial:
        partial.write_text(text)


if __name__ == "__main__":
    flags.mark_flag_as_required("what")
    app.run(main)
