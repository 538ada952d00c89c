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
            stackwise_blocks=[1, 1],
            stackwise_strides=[1, 2],
            include_rescaling=False,
            input_shape=SHAPE,
        )

    return make


def hub_resnet():
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    return hub.models.ResNetBackbone(
        input_conv_filters=[8],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[8, 16],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=SHAPE,
    )


MAKERS = {
    "mobilenet": applications("MobileNet", alpha=0.25),
    "mobilenet_v2": applications("MobileNetV2", alpha=0.35),
    "resnet50": applications("ResNet50"),
    "keras_cv_resnet": cv_resnet(1),
    "keras_cv_resnet_v2": cv_resnet(2),
    "keras_hub_resnet": hub_resnet,
}


def pooled(features):
    return features.mean((1, 2)) if features.ndim == 4 else features


@pytest.mark.parametrize("name", MAKERS)
def test_model_is_the_backbone_and_a_classifier(name):
    backbone = MAKERS[name]()
    model = models.LongTailModel(backbone, num_classes=4)
    x = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype("float32")
    features = pooled(keras.ops.convert_to_numpy(backbone(x, training=False)))
    kernel, bias = model.classifier.get_weights()
    outputs = model(x, training=False)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(outputs["features"]), features, 1e-4, 1e-5
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(outputs["logits"]),
        features @ kernel + bias,
        1e-4,
        1e-5,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mobilenet", "keras_cv_resnet", "keras_hub_resnet"]
)
def test_training_moves_the_backbone(name):
    backbone = MAKERS[name]()
    model = models.LongTailModel(backbone, num_classes=4, weight_decay=1e-3)
    before = [np.array(w) for w in backbone.get_weights()]
    model.compile(
        keras.optimizers.SGD(0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype("float32")
    history = model.fit(x, np.arange(4), verbose=0)
    assert np.isfinite(history.history["loss"][0])
    moved = [
        not np.array_equal(one, two)
        for one, two in zip(before, backbone.get_weights(), strict=True)
    ]
    assert np.mean(moved) > 0.9
