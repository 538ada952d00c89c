"""Data: sources, splits, long-tailed profiles, batches and transforms."""

from keras_lt.data import transforms
from keras_lt.data.arrays import from_arrays
from keras_lt.data.batch_extra import BatchExtra
from keras_lt.data.batches import Batches
from keras_lt.data.csv_file import from_csv
from keras_lt.data.device_batches import DeviceBatches
from keras_lt.data.directory import from_directory
from keras_lt.data.examples import Examples
from keras_lt.data.image_files import ImageFiles
from keras_lt.data.image_rows import ImageRows
from keras_lt.data.image_source import ImageSource
from keras_lt.data.list_file import from_list
from keras_lt.data.loading import load
from keras_lt.data.manifest import compare_manifest
from keras_lt.data.manifest import save_manifest
from keras_lt.data.profiles import long_tailed_counts
from keras_lt.data.profiles import long_tailed_rows
from keras_lt.data.split import Split

__all__ = [
    "BatchExtra",
    "Batches",
    "DeviceBatches",
    "Examples",
    "ImageFiles",
    "ImageRows",
    "ImageSource",
    "Split",
    "compare_manifest",
    "from_arrays",
    "from_csv",
    "from_directory",
    "from_list",
    "load",
    "long_tailed_counts",
    "long_tailed_rows",
    "save_manifest",
    "transforms",
]
