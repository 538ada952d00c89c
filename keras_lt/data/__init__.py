"""Data: sources, splits, long-tailed profiles, batches and transforms."""

from keras_lt.data import transforms
from keras_lt.data.arrays import from_arrays
from keras_lt.data.batch_extra import BatchExtra
from keras_lt.data.batches import Batches
from keras_lt.data.broken_images_error import BrokenImagesError
from keras_lt.data.csv_file import from_csv
from keras_lt.data.device_batches import DeviceBatches
from keras_lt.data.directory import from_directory
from keras_lt.data.encoded_images import EncodedImages
from keras_lt.data.examples import Examples
from keras_lt.data.image_files import ImageFiles
from keras_lt.data.image_rows import ImageRows
from keras_lt.data.image_source import ImageSource
from keras_lt.data.list_file import from_list
from keras_lt.data.loading import load
from keras_lt.data.manifest import compare_manifest
from keras_lt.data.manifest import save_manifest
from keras_lt.data.prepared_images import PreparedImages
from keras_lt.data.prepared_split import from_tfds
from keras_lt.data.profiles import long_tailed_counts
from keras_lt.data.profiles import long_tailed_rows
from keras_lt.data.split import Split

__all__ = [
    "BatchExtra",
    "Batches",
    "BrokenImagesError",
    "DeviceBatches",
    "EncodedImages",
    "Examples",
    "ImageFiles",
    "ImageRows",
    "ImageSource",
    "PreparedImages",
    "Split",
    "compare_manifest",
    "from_arrays",
    "from_csv",
    "from_directory",
    "from_list",
    "from_tfds",
    "load",
    "long_tailed_counts",
    "long_tailed_rows",
    "save_manifest",
    "transforms",
]
