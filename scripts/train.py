"""Trains one application and writes its result and report.

    python scripts/train.py --application=digits_lt --method=ldam_drw
        --output_dir=runs/ldam_drw

A run that was stopped goes on where it was, with --resume added.
"""

import pathlib
import sys

from absl import app
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import applications  # noqa: E402
from applications.settings import Settings  # noqa: E402
from scripts import backend  # noqa: E402
from scripts import settings_flags  # noqa: E402

_PROGRESS = {"bar": 1, "lines": 2, "none": 0}

_APPLICATION = flags.DEFINE_enum(
    "application", None, applications.APPLICATIONS, "What to train on."
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size",
    None,
    "Height and width of the images there. By default 64 in image_folder, and "
    "224 for large images.",
    lower_bound=8,
)
_BACKEND = flags.DEFINE_enum(
    "backend",
    None,
    backend.BACKENDS,
    "Backend of Keras. By default KERAS_BACKEND, or one that is installed.",
)
_DTYPE_POLICY = flags.DEFINE_enum(
    "dtype_policy",
    "float32",
    backend.DTYPE_POLICIES,
    "Precision of the network; losses stay in float32.",
)
_THREADS = flags.DEFINE_integer(
    "threads", None, "CPU threads of the backend.", lower_bound=1
)
_PROGRESS_KIND = flags.DEFINE_enum(
    "progress", "bar", list(_PROGRESS), "What is shown in each epoch."
)
settings_flags.define(Settings, without=("image_size", "verbose"))


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    backend.set_up_keras(_BACKEND.value, _DTYPE_POLICY.value, _THREADS.value)
    backend.check_plots()  # Before a training, not after it.
    recipe = applications.find_recipe(_APPLICATION.value)
    try:
        result = recipe.run(_settings())
    except (ValueError, OSError, FloatingPointError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    print(result.table())


def _settings() -> Settings:
    """Returns what the flags say.

    Raises:
        ValueError: If flags do not go together.
    """
    size = _IMAGE_SIZE.value
    return settings_flags.read(
        Settings,
        image_size=size and (size, size),
        verbose=_PROGRESS[_PROGRESS_KIND.value],
    )


if __name__ == "__main__":
    flags.mark_flag_as_required("application")
    flags.mark_flag_as_required("output_dir")
    app.run(main)
