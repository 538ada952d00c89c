"""Backbones of Keras, KerasCV and KerasHub are cut by their levels."""

import keras
import pytest
from keras import layers

from keras_lt import models
from keras_lt.models.backbone_cut import cut
from tests.models.cut_graphs import check_equal
from tests.quick_weights import draw_with_numpy


@pytest.fixture(autouse=True)
def quick_weights(monkeypatch):
    draw_with_numpy(monkeypatch)


def cv_backbone(version):
    cv = pytest.importorskip("keras_cv", exc_type=ImportError)
    kind = "ResNetBackbone" if version == 1 else "ResNetV2Backbone"
    return getattr(cv.models, kind)(
        stackwise_filters=[4, 8, 8],
        stackwise_blocks=[2, 2, 2],
        stackwise_strides=[1, 2, 2],
        include_rescaling=True,
        input_shape=(32, 32, 3),
    )


def hub_backbone(version):
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    return hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64, 64],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        use_pre_activation=version == 2,
        image_shape=(32, 32, 3),
    )


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("make", [cv_backbone, hub_backbone])
def test_pyramid_levels(make, version):
    backbone = make(version)
    stages = check_equal(backbone, ["P2", "P3"])
    assert [stage.output_shape[1:3] for stage in stages] == [
        (8, 8),
        (4, 4),
        (2, 2),
    ]
    if version == 1:
        with pytest.raises(ValueError, match="'P4', whose output is that of"):
            cut(backbone, ["P2", "P4"])
    elif make is hub_backbone:  # It normalizes after its last level.
        check_equal(backbone, ["P2", "P4"])
    with pytest.raises(ValueError, match="nearest of its .*'P4'"):
        cut(backbone, ["P7"])


def test_pyramid_levels_of_a_backbone_inside():
    inner = hub_backbone(1)
    inputs = keras.Input((32, 32, 3))
    x = inner(layers.Rescaling(1 / 255, name="rescaling")(inputs))
    backbone = keras.Model(inputs, layers.ReLU()(x))
    level = f"{inner.name}/P3"
    check_equal(backbone, ["rescaling", level])
    stages = cut(backbone, [level], feature_layers=[level])
    assert set(stages[0].output) == {f"features/{level}", "out"}


LARGE = {
    "ResNet50": (
        2048,
        ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out"],
    ),
    "MobileNetV2": (
        1280,
        ["block_3_project_BN", "block_6_expand", "block_13_expand"],
    ),
    "EfficientNetB0": (1280, ["block2b_add", "block4a_expand_activation"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_networks(name):
    dim, exits = LARGE[name]
    backbone = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    check_equal(backbone, exits)

    model = models.LongTailModel(backbone, num_classes=4)
    assert model.feature_shape(None) == (None, dim)
    class_weights, head = 4, 4 * (dim + 1)
    expected = backbone.count_params() + head + class_weights
    assert model.count_params() == expected
