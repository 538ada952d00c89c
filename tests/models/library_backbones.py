"""Backbones of other libraries, without downloads."""

import keras
import pytest

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


SMALL = {
    "mobilenet": applications("MobileNet", alpha=0.25),
    "keras_cv_resnet": cv_resnet(1),
    "keras_cv_resnet_v2": cv_resnet(2),
    "keras_hub_resnet": hub_resnet,
}
