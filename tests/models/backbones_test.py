"""Backbones of other libraries inside `LongTailModel`, without downloads."""

import keras
import numpy as np
import pytest

from keras_lt import models

SHAPE = (32, 32, 3)


def applications(name, **arguments):
    def make():
        return getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=SHAPE, **arguments
        )

    return make


def cv_resnet(version):
    def make():
        cv = pytest.importorskip("keras_cv", exc_type=ImportError)
        kind = "ResNetBackbone" if version == 1 else "ResNetV2Backbone"
        return getattr(cv.models, kind)(
            stackwise_filters=[8, 16],
            stackwise_blocks=[2, 2],
            stackwise_strides=[1, 2],
            include_rescaling=False,
            input_shape=SHAPE,
        )

    return make


def hub_resnet():
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    return hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=SHAPE,
    )


LARGE = {
    "efficientnet_b0": (applications("EfficientNetB0"), 1280),
    "mobilenet_v2": (applications("MobileNetV2"), 1280),
    "resnet50": (applications("ResNet50"), 2048),
}
SMALL = {
    "mobilenet": applications("MobileNet", alpha=0.25),
    "keras_cv_resnet": cv_resnet(1),
    "keras_cv_resnet_v2": cv_resnet(2),
    "keras_hub_resnet": hub_resnet,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_backbone_is_taken_whole(name):
    make, dim = LARGE[name]
    backbone = make()
    model = models.LongTailModel(backbone, num_classes=4)
    assert model.feature_shape(None) == (None, dim)
    class_weights, head = 4, 4 * (dim + 1)
    expected = backbone.count_params() + head + class_weights
    assert model.count_params() == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_predicts_and_trains(name):
    backbone = SMALL[name]()
    model = models.LongTailModel(backbone, num_classes=4, weight_decay=1e-3)
    x = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype("float32")
    features = backbone.predict_on_batch(x).mean((1, 2))
    kernel, bias = model.classifier.get_weights()
    logits = model.predict_on_batch(x)
    np.testing.assert_allclose(logits, features @ kernel + bias, 1e-4, 1e-5)

    before = [np.array(weight) for weight in backbone.get_weights()]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss=loss)
    history = model.fit(x, np.arange(4), verbose=0)
    assert np.isfinite(history.history["loss"][0])
    moved = [
        not np.array_equal(one, two)
        for one, two in zip(before, backbone.get_weights(), strict=True)
    ]
    assert np.mean(moved) > 0.9
