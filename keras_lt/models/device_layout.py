"""How the classifier of many classes is split over devices."""

from typing import Any

import keras

from keras_lt.validation import check_positive_int


def classifier_layout(
    device_mesh: Any,
    num_classes: int,
    feature_dim: int,
    axis: str = "model",
    classifier: str = "classifier",
) -> Any:
    """Returns the layouts that split over devices what a class has its own of.

    With thousands of classes, the classifier, its slots in the optimizer and
    the centroids of `objectives.Robustness` are what is large beside the
    network. `keras.distribution.ModelParallel` keeps of each a part on every
    device along an axis of the mesh, and everything else on all of them.

    The parts are of classes if their number divides by the size of the axis,
    and then also of class weights, biases and radii. Otherwise they are of
    features, which takes as little memory, and sums up logits over devices.

    More layouts may be added to what is returned, for other layers.

    Args:
        device_mesh: A `keras.distribution.DeviceMesh`.
        num_classes: Number of classes.
        feature_dim: Number of features that the classifiers and the objectives
            get. Of several classifiers, of which exits may have smaller
            features, all numbers have to divide by the size of the axis.
        axis: Name of the axis of the mesh.
        classifier: Name of the layer, if it is one of your own.

    Returns:
        A `keras.distribution.LayoutMap`.

    Raises:
        ValueError: If there is no such axis, or neither number divides by its
            size.

    Example:

    >>> axes = ("batch", "model")
    >>> mesh = keras.distribution.DeviceMesh((1, 1), axes, ["cpu:0"])
    >>> layout = keras_lt.models.classifier_layout(mesh, 8142, 2048)
    >>> layout["classifier/kernel"].axes
    (None, 'model')
    """
    check_positive_int("num_classes", num_classes)
    check_positive_int("feature_dim", feature_dim)
    size = _axis_size(device_mesh, axis)
    layout = keras.distribution.LayoutMap(device_mesh)
    kernel, table = f"(.*/)?{classifier}/kernel", ".*/centroids"
    if num_classes % size == 0:
        layout[kernel] = (None, axis)
        layout[f"(.*/)?{classifier}/bias"] = (axis,)
        layout[table] = (axis, None)
        layout[".*/(class_weights|known|radii|share_logits)"] = (axis,)
        return layout
    if feature_dim % size == 0:
        layout[kernel] = (axis, None)
        layout[table] = (None, axis)
        return layout
    raise ValueError(
        "The number of classes or of features must divide by the number of "
        f"devices along the axis {axis!r}. Received: num_classes="
        f"{num_classes} and feature_dim={feature_dim} for {size} devices. "
        "Make the mesh with another number, or the model with another "
        "`projection_dim`."
    )


def _axis_size(device_mesh: Any, axis: str) -> int:
    if axis not in device_mesh.axis_names:
        raise ValueError(
            "`axis` must be one of the axes of the mesh, "
            f"{list(device_mesh.axis_names)}. Received: axis={axis!r}. Pass "
            'the other axis than that of the batch, such as "model".'
        )
    size: int = device_mesh.shape[device_mesh.axis_names.index(axis)]
    return size
