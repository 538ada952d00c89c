"""Makes the .npz files that keras_lt.data.load reads, and split manifests.

    python scripts/prepare_data.py --from=cifar-100-binary.tar.gz
        --output=data/cifar100.npz
    python scripts/prepare_data.py --from=photos --image_size=64
        --output=data/photos.npz
    python scripts/prepare_data.py --application=cifar100_lt --data_dir=data
        --write_manifest=cifar100_lt.json

CIFAR comes in the binary version of its home page (cifar-10-binary.tar.gz or
cifar-100-binary.tar.gz), since the Python version is made of pickles, which
can run any code when they are read.
"""

import pathlib
import sys

from absl import app
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from scripts import backend  # noqa: E402

_FROM = flags.DEFINE_string(
    "from",
    None,
    "What to read: a CIFAR archive, a data set that TensorFlow Datasets has "
    "prepared (tfds:cifar100), or a folder with a folder of images per class.",
)
_OUTPUT = flags.DEFINE_string("output", None, "The .npz file to write.")
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size",
    64,
    "Height and width that images of a folder are resized to.",
    lower_bound=1,
)
_TEST_FRACTION = flags.DEFINE_float(
    "test_fraction",
    0.2,
    "Share of each class for testing, of a folder without a folder test.",
    lower_bound=0.0,
    upper_bound=0.9,
)
_APPLICATION = flags.DEFINE_enum(
    "application",
    None,
    ["digits_lt", "cifar10_lt", "cifar100_lt", "fashion_mnist_lt"],
    "Benchmark whose split a manifest describes.",
)
_IMBALANCE_FACTOR = flags.DEFINE_float(
    "imbalance_factor", 100.0, "Of that split.", lower_bound=1.0
)
_PROFILE = flags.DEFINE_enum(
    "profile", "exponential", ["exponential", "step", "pareto"], "The same."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of splits.", lower_bound=0)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where the data lies. By default KERAS_LT_DATA."
)
_WRITE = flags.DEFINE_string(
    "write_manifest", None, "File to describe the split in."
)
_CHECK = flags.DEFINE_string(
    "check_manifest", None, "File to compare the split with."
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    if bool(_FROM.value) != bool(_OUTPUT.value):
        raise app.UsageError("--from and --output must be given together.")
    if (_WRITE.value or _CHECK.value) and not _APPLICATION.value:
        raise app.UsageError("A manifest needs --application.")
    if not (_FROM.value or _WRITE.value or _CHECK.value):
        raise app.UsageError(
            "Nothing to do: give --from, --write_manifest or --check_manifest."
        )
    backend.set_up_keras()
    try:
        if _FROM.value:
            _prepare()
        if _APPLICATION.value:
            _describe()
    except ValueError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error


def _prepare() -> None:
    from applications.files import write_arrays
    from scripts.preparation import sources

    arrays = sources.read(
        _FROM.value,
        image_size=_IMAGE_SIZE.value,
        test_fraction=_TEST_FRACTION.value,
        seed=_SEED.value,
        data_dir=_DATA_DIR.value,
    )
    write_arrays(pathlib.Path(_OUTPUT.value), arrays)
    shapes = ", ".join(f"{key} {a.shape}" for key, a in arrays.items())
    print(f"{_OUTPUT.value}: {shapes}")


def _describe() -> None:
    from keras_lt import data

    split = data.load(
        _APPLICATION.value,
        imbalance_factor=_IMBALANCE_FACTOR.value,
        profile=_PROFILE.value,
        data_dir=_DATA_DIR.value,
        seed=_SEED.value,
    )
    if _WRITE.value:
        data.save_manifest(split, _WRITE.value)
        print(f"{_WRITE.value}: {len(split.train)} training images")
    if _CHECK.value:
        differences = data.compare_manifest(split, _CHECK.value)
        if differences:
            raise SystemExit("\n".join(differences))
        print(f"{_CHECK.value}: the split is the same")


if __name__ == "__main__":
    app.run(main)
