"""Networks by name, their weights, and what their images go through."""

import dataclasses
import socket

import numpy as np
import pytest

from applications import backbones
from applications import downloads
from applications import keras_hub_backbones
from applications.backbones import make_backbone
from applications.backbones import make_preprocessing
from keras_lt import models

PIXELS = np.array([[[[0, 127.5, 255]]]])


def values(network):
    return [np.array(one) for one in network.get_weights()]


@pytest.fixture
def offline(monkeypatch):
    """Lets no name of a server be found, as on a machine without network."""

    def fail(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet20", [-1.8, 0.2, 2.2]),
        ("MobileNetV2", [-1, 0, 1]),
        ("ResNet50V2", [-1, 0, 1]),
        ("ResNet50", [255 - 103.939, 127.5 - 116.779, -123.68]),
        (
            "DenseNet121",
            [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225],
        ),
        ("EfficientNetB0", [0, 127.5, 255]),  # Scales pixels itself.
        ("ConvNeXtTiny", [0, 127.5, 255]),
        ("MobileNetV3Small", [0, 127.5, 255]),
        ("keras_cv/resnet18", [0, 127.5, 255]),
        (
            "keras_hub/resnet_18_imagenet",
            [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225],
        ),
        ("keras_hub/vit_base_patch16_224_imagenet", [-1, 0, 1]),
    ],
)
def test_pixels_are_scaled_as_in_the_training_of_the_weights(name, expected):
    images = PIXELS.copy()
    preprocessing = make_preprocessing(name)
    found, _ = preprocessing(images, np.zeros(1), None)
    assert not preprocessing.random
    np.testing.assert_allclose(found.ravel(), expected, 1e-5, 1e-5)
    np.testing.assert_array_equal(images, PIXELS)  # Those of the user.


def test_preset_in_a_folder_brings_weights_and_scaling(tmp_path):
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    folder = str(tmp_path / "preset")
    network = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
    )
    network.save_to_preset(folder)
    hub.layers.ResNetImageConverter(
        image_size=(32, 32), scale=[0.1, 0.2, 0.4], offset=[1, -2, 3]
    ).save_to_preset(folder)
    name = f"keras_hub/{folder}"
    loaded = make_backbone(name, (32, 32), True)
    assert loaded.input_shape == (None, 32, 32, 3)
    for one, two in zip(values(network), values(loaded), strict=True):
        np.testing.assert_array_equal(one, two)
    scratch = make_backbone(name, (32, 32), False)
    assert not np.array_equal(values(scratch)[0], values(network)[0])
    found, _ = make_preprocessing(name)(PIXELS, np.zeros(1), None)
    np.testing.assert_allclose(found.ravel(), [1, 23.5, 105], 1e-5)


def test_networks_of_keras_hub_are_those_of_the_presets():
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    network = make_backbone("keras_hub/resnet_18_imagenet", (32, 32), False)
    assert network.input_shape == (None, 32, 32, 3)
    presets = hub.models.ResNetBackbone.presets
    expected = presets["resnet_18_imagenet"]["metadata"]["params"]
    assert network.count_params() == expected
    for name, known in keras_hub_backbones.KNOWN.items():
        published = getattr(hub.models, known.kind).presets
        assert (name in published) is known.has_weights


def test_vision_transformers_are_those_of_the_presets():
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    for name, known in keras_hub_backbones.KNOWN.items():
        if known.kind != "ViTBackbone" or not known.has_weights:
            continue
        arguments = known.arguments
        dim, patch = arguments["hidden_dim"], arguments["patch_size"]
        tokens = 1 + (224 // patch) ** 2
        embedding = (3 * patch**2 + 1 + 1 + tokens) * dim
        attention, mlp = 4 * (dim + 1) * dim, (2 * dim + 1) * 4 * dim + dim
        blocks = arguments["num_layers"] * (attention + mlp + 4 * dim)
        expected = hub.models.ViTBackbone.presets[name]["metadata"]["params"]
        assert embedding + blocks + 2 * dim == expected


def test_vision_transformer_is_a_graph_of_its_blocks(tmp_path, monkeypatch):
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    name = "keras_hub/vit_tiny_patch16"
    small = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    known = dataclasses.replace(
        keras_hub_backbones.KNOWN["vit_tiny_patch16"],
        arguments={"patch_size": 16, **small},
    )
    monkeypatch.setitem(keras_hub_backbones.KNOWN, "vit_tiny_patch16", known)
    source = hub.models.ViTBackbone(image_shape=(32, 32, 3), **known.arguments)
    path = tmp_path / "vit.weights.h5"
    source.save_weights(path)
    network = make_backbone(name, (32, 32), str(path))
    assert isinstance(network, models.TransformerBackbone)
    assert "transformer_block_1" in models.valid_exits(network)
    for one, two in zip(values(source), values(network), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_networks_of_keras_cv_scale_pixels_themselves():
    pytest.importorskip("keras_cv", exc_type=ImportError)
    network = make_backbone("keras_cv/resnet18_v2", (32, 32), False)
    assert network.get_layer(index=1).get_config()["scale"] == 1 / 255
    assert network.output_shape == (None, 1, 1, 512)


@pytest.mark.parametrize("name", ["VGG16", "keras_hub/resnet_152_imagenet"])
def test_missing_network_is_an_error_that_says_what_to_do(offline, name):
    if name.startswith("keras_hub"):
        pytest.importorskip("keras_hub", exc_type=ImportError)
    match = f"'{name}' must be downloaded.*--pretrained_weights.*from scratch"
    with pytest.raises(ConnectionError, match=match):
        make_backbone(name, (32, 32), True)


def test_silent_server_is_not_waited_for_longer_than_needed():
    before = socket.getdefaulttimeout()
    with pytest.raises(ConnectionError, match="timed out"):
        with downloads.downloading("some"):
            assert socket.getdefaulttimeout() == downloads.SECONDS <= 30
            raise TimeoutError("timed out")
    assert socket.getdefaulttimeout() == before
    for other in (ValueError("wrong"), FileNotFoundError("gone")):
        with pytest.raises(type(other)), downloads.downloading("some"):
            raise other


def test_weights_of_a_file_are_those_of_the_network(tmp_path):
    network = make_backbone("VGG16", (32, 32), False)
    assert network.output_shape == (None, 1, 1, 512)  # It has no top.
    path = tmp_path / "network.weights.h5"
    network.save_weights(path)
    loaded = make_backbone("VGG16", (32, 32), str(path))
    for one, two in zip(values(network), values(loaded), strict=True):
        np.testing.assert_array_equal(one, two)

    with pytest.raises(ValueError, match="'resnet20' without its top.*cannot"):
        make_backbone("resnet20", (32, 32), str(path))
    path.write_bytes(b"not weights")
    with pytest.raises(ValueError, match="'resnet20'.*cannot be loaded"):
        make_backbone("resnet20", (32, 32), str(path))
    with pytest.raises(ValueError, match="which is not there"):
        make_backbone("resnet20", (32, 32), str(tmp_path / "no.weights.h5"))


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("resnet20", "Received: 'resnet20', for which.*--pretrained_weights"),
        ("keras_hub/resnet_10", "keras_hub/resnet_10, which has none"),
        ("keras_cv/resnet34", "resnet50, resnet50_v2.*keras_cv/resnet34"),
    ],
)
def test_network_without_published_weights_is_named(name, match):
    library = name.partition("/")[0]
    if library in backbones.LIBRARIES:
        pytest.importorskip(library, exc_type=ImportError)
    with pytest.raises(ValueError, match=match):
        make_backbone(name, (32, 32), True)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("resnet18", "resnet20.*EfficientNetB0.*keras_hub/resnet_10.*'resnet1"),
        ("efficientnet", "Received: 'efficientnet'"),
        ("keras_cv/resnet_18", "keras-cv must be one of resnet18"),
        ("keras_hub/no_such_preset", "Received: 'no_such_preset'"),
    ],
)
def test_unknown_network_is_named(name, match):
    library = name.partition("/")[0]
    if library in backbones.LIBRARIES:
        pytest.importorskip(library, exc_type=ImportError)
    with pytest.raises(ValueError, match=match):
        make_backbone(name, (32, 32), False)
