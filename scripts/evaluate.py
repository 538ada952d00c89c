"""Writes the report of a run, or compares several.

python scripts/evaluate.py --run=runs/a --report=report
python scripts/evaluate.py --run=runs/plain,runs/ldam_drw --report=report
"""

import pathlib
import sys

from absl import app
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from scripts import backend  # noqa: E402

_RUN = flags.DEFINE_list(
    "run",
    None,
    "One or more output folders of train.py. Several are compared with the "
    "first.",
)
_REPORT = flags.DEFINE_string("report", None, "Folder to write the report to.")
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Where the data lies. By default where it was in the training, or "
    "KERAS_LT_DATA.",
)
_TAU = flags.DEFINE_float(
    "tau", 0.0, "Strength of logit adjustment.", lower_bound=0.0
)
_PREDICT = flags.DEFINE_bool(
    "predict",
    True,
    "Let the saved model answer the test images anew. With --nopredict, the "
    "answers of the training script are used, and no data is needed.",
)
_PLOTS = flags.DEFINE_bool("plots", True, "Whether to draw plots.")
_BACKEND = flags.DEFINE_enum(
    "backend",
    None,
    backend.BACKENDS,
    "Backend of Keras. By default KERAS_BACKEND, or one that is installed.",
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    folder = pathlib.Path(_REPORT.value)
    names = [pathlib.Path(run).name for run in _RUN.value]
    if not all(_RUN.value) or not names:
        raise SystemExit(
            "ValueError: `--run` must name folders. Received: "
            f"{','.join(_RUN.value)!r}. Look whether the variable in its place "
            "is set."
        )
    if len(set(names)) < len(names):
        raise SystemExit(
            "ValueError: `--run` must name folders that are called "
            "differently, as the report goes by these names. Received: "
            f"{','.join(_RUN.value)}. Rename one of them."
        )
    if _PLOTS.value:
        backend.check_plots()  # Before the answers, not after them.
    backend.set_up_keras(_BACKEND.value)
    from applications import judging
    from keras_lt import report

    try:
        cards = {
            pathlib.Path(run).name: judging.judge(
                pathlib.Path(run), _TAU.value, _PREDICT.value, _DATA_DIR.value
            )
            for run in _RUN.value
        }
        if len(cards) > 1:
            found = report.compare(cards)
            found.save(folder, plots=_PLOTS.value)
            print(found)
    except ValueError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    for name, card in cards.items():
        card.save(
            folder / name if len(cards) > 1 else folder, plots=_PLOTS.value
        )
    if len(cards) == 1:
        print(card.to_markdown())


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "report"])
    app.run(main)
