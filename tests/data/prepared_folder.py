"""Stores data as TensorFlow Datasets does, with features as its builders."""

import io

import numpy as np
from PIL import Image

FEATURES = {
    "imagenet_lt": {"file_name": "text"},
    "i_naturalist2018": {"id": "text", "supercategory": 14},
}
"""What the builders store besides the image and its label."""


def encoded(value, size=(9, 12), kind="JPEG"):
    """A small image of one colour, as a file."""
    content = io.BytesIO()
    pixels = np.full((*size, 3), value % 256, "uint8")
    Image.fromarray(pixels).save(content, kind, quality=95)
    return content.getvalue()


def prepare(folder, name, labels, num_classes, file_format="array_record"):
    """Stores images of each part, whose colour says their row.

    Args:
        folder: The `data_dir`.
        name: One of `FEATURES`.
        labels: By the name of the part, the label of each image.
        num_classes: Number of classes.
        file_format: Of TensorFlow Datasets.
    """
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(),
        "label": tfds.features.ClassLabel(num_classes=num_classes),
    }
    for key, kind in FEATURES[name].items():
        features[key] = (
            tfds.features.Text()
            if kind == "text"
            else tfds.features.ClassLabel(num_classes=kind)
        )

    def example(row, label):
        others = {
            key: f"n{row}" if kind == "text" else (-1 if label < 0 else 1)
            for key, kind in FEATURES[name].items()
        }
        image = io.BytesIO(encoded(row))
        return row, {"image": image, "label": int(label), **others}

    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            part: [example(row, label) for row, label in enumerate(own)]
            for part, own in labels.items()
        },
        data_dir=folder,
        file_format=file_format,
        disable_shuffling=False,
    )
    return folder / name / "1.0.0"
