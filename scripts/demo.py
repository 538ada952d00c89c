"""Shows what rebalancing does, on handwritten digits, in a few minutes.

python scripts/demo.py
"""

import pathlib
import sys
import time

from absl import app
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from scripts import backend  # noqa: E402

_BACKEND = flags.DEFINE_enum(
    "backend",
    None,
    backend.BACKENDS,
    "Backend of Keras. By default KERAS_BACKEND, or one that is installed.",
)
_REPORT = flags.DEFINE_string(
    "report", "demo_report", "Folder to write the report to."
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Length of a training.", lower_bound=1
)
_PLOTS = flags.DEFINE_bool("plots", True, "Whether to draw plots.")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    if _PLOTS.value:
        backend.check_plots()
    start = time.perf_counter()
    name = backend.set_up_keras(_BACKEND.value)
    from applications.digits_lt import demo

    print(
        f"Training {len(demo.METHODS)} methods on {_SEEDS.value} long-tailed "
        f"sets of digits, with Keras on {name}."
    )
    runs = demo.run(
        pathlib.Path(_REPORT.value),
        seeds=range(_SEEDS.value),
        epochs=_EPOCHS.value,
        plots=_PLOTS.value,
        say=lambda line: print(line, flush=True),
    )
    minutes = (time.perf_counter() - start) / 60
    print(f"\n{runs.table()}\n")
    print(f"{minutes:.1f} minutes. The report: {_REPORT.value}/README.md")


if __name__ == "__main__":
    app.run(main)
