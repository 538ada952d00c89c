"""Work, against products counted by hand."""

import re

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

import keras_lt
from keras_lt.inference.flops import count_flops
from keras_lt.models.backbone_cut import cut
from tests.quick_weights import draw_with_numpy


@pytest.fixture(autouse=True)
def quick_weights(monkeypatch):
    draw_with_numpy(monkeypatch)


LAYERS = [
    # 8 x 8 positions, 3 x 3 taps, 4 channels in, 6 out.
    (layers.Conv2D(6, 3, padding="same"), (None, 8, 8, 4), 64 * 9 * 4 * 6),
    (layers.Conv2D(6, 3), (None, 8, 8, 4), 36 * 9 * 4 * 6),
    (layers.Conv2D(6, 3, strides=2), (None, 8, 8, 4), 9 * 9 * 4 * 6),
    (layers.Conv2D(6, 3, dilation_rate=2), (None, 8, 8, 4), 16 * 9 * 4 * 6),
    (layers.Conv2D(6, 3, groups=2), (None, 8, 8, 4), 36 * 9 * 2 * 6),
    (layers.Conv2D(6, (1, 3), use_bias=False), (2, 8, 8, 4), 48 * 3 * 4 * 6),
    (layers.Conv1D(6, 3, padding="causal"), (None, 9, 4), 9 * 3 * 4 * 6),
    (layers.Conv3D(2, 2), (None, 4, 4, 4, 3), 27 * 8 * 3 * 2),
    (
        layers.Conv2DTranspose(5, 3, strides=2, padding="same"),
        (None, 4, 4, 3),
        16 * 9 * 3 * 5,
    ),
    (layers.Conv1DTranspose(5, 2), (None, 4, 3), 4 * 2 * 3 * 5),
    (layers.Conv3DTranspose(5, 2), (None, 2, 2, 2, 3), 8 * 8 * 3 * 5),
    (
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        (None, 8, 8, 4),
        36 * 9 * 4 * 2,
    ),
    (layers.DepthwiseConv1D(3), (None, 8, 4), 6 * 3 * 4),
    (
        layers.SeparableConv2D(5, 3, depth_multiplier=2),
        (None, 8, 8, 4),
        36 * (9 * 4 * 2 + 8 * 5),
    ),
    (layers.SeparableConv1D(5, 3), (None, 8, 4), 6 * (3 * 4 + 4 * 5)),
    (layers.Dense(10), (None, 64), 640),
    (layers.Dense(10, "relu"), (None, 7, 64), 7 * 640),
    (
        layers.EinsumDense("abc,cd->abd", output_shape=(None, 5)),
        (None, 6, 8),
        6 * 8 * 5,
    ),
    (
        layers.EinsumDense("...x,xy->...y", output_shape=5),
        (None, 6, 8),
        6 * 8 * 5,
    ),
    (keras_lt.layers.CosineClassifier(5), (None, 64), 64 * 5),
    (layers.Attention(), [(None, 6, 8), (None, 4, 8)], 2 * 6 * 4 * 8),
    (layers.Dot(-1), [(None, 7), (None, 7)], 7),
    (
        layers.TimeDistributed(layers.Conv2D(2, 3)),
        (None, 5, 8, 8, 4),
        5 * 36 * 9 * 4 * 2,
    ),
    (layers.LSTM(3), (None, 6, 8), 6 * 4 * 3 * (8 + 3)),
    (layers.GRU(3), (None, 6, 8), 6 * 3 * 3 * (8 + 3)),
    (
        layers.Bidirectional(layers.LSTM(3)),
        (None, 6, 8),
        2 * 6 * 4 * 3 * (8 + 3),
    ),
    (layers.SpectralNormalization(layers.Dense(3)), (None, 5), 15),
    (layers.BatchNormalization(), (None, 8, 8, 4), 0),
    (layers.LayerNormalization(axis=(1, 2)), (None, 8, 4), 0),
    (layers.PReLU(), (None, 8, 4), 0),
    (layers.Embedding(9, 4), (None, 8), 0),
    (layers.Activation("softmax"), (None, 8), 0),
    (layers.GlobalAveragePooling2D(), (None, 8, 8, 4), 0),
    (layers.RandomFlip(), (None, 8, 8, 3), 0),
    (layers.ZeroPadding2D(), (None, 8, 8, 3), 0),
    (
        layers.ConvLSTM2D(8, 3, padding="same"),
        (None, 5, 16, 16, 3),
        5 * 256 * 9 * 32 * (3 + 8),
    ),
    (
        layers.ConvLSTM1D(8, 3, return_sequences=True),
        (None, 5, 16, 3),
        5 * 14 * 3 * 32 * (3 + 8),
    ),
]


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    LAYERS,
    ids=[f"{type(layer).__name__}-{n}" for layer, _, n in LAYERS],
)
def test_layers(layer, shape, expected, recwarn):
    layer = type(layer).from_config(layer.get_config())
    assert count_flops(layer, shape) == expected
    assert not [w for w in recwarn if "is estimated" in str(w.message)]


def test_channels_first_counts_the_same():
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow on CPU has no channels first.")
    layer = layers.Conv2D(6, 3, groups=2, data_format="channels_first")
    assert count_flops(layer, (None, 4, 8, 8)) == 36 * 9 * 2 * 6


def test_multi_head_attention():
    query, value = keras.Input((5, 8)), keras.Input((7, 6))
    attention = layers.MultiHeadAttention(2, key_dim=4, value_dim=3)
    model = keras.Model([query, value], attention(query, value))
    projected = 5 * 8 * 2 * 4 + 7 * 6 * 2 * 4 + 7 * 6 * 2 * 3
    mixed = 2 * 5 * 7 * (4 + 3)
    assert count_flops(model) == projected + mixed + 5 * 2 * 3 * 8


def test_self_attention_and_grouped_queries():
    x = keras.Input((5, 8))
    whole = keras.Model(x, layers.MultiHeadAttention(4, key_dim=4)(x, x))
    mixed = 2 * 4 * 5 * 5 * 4
    assert count_flops(whole) == 4 * 5 * 8 * 16 + mixed
    grouped = keras.Model(x, layers.GroupQueryAttention(4, 4, 2)(x, x))
    assert count_flops(grouped) == 2 * 5 * 8 * 16 + 2 * 5 * 8 * 8 + mixed


OPERATIONS = [
    (lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))), 5 * 5 * 8),
    (lambda x: ops.matmul(x, ops.ones((8, 3))), 5 * 8 * 3),
    (lambda x: ops.einsum("bic,bjc->bij", x, x), 5 * 5 * 8),
    (lambda x: ops.einsum("...c,cd->...d", x, ops.ones((8, 3))), 5 * 8 * 3),
    (lambda x: ops.einsum("bic->bci", x), 0),
    (lambda x: ops.tensordot(x, ops.ones((8, 3)), axes=1), 5 * 8 * 3),
    (lambda x: ops.conv(x, ops.ones((3, 8, 2))), 3 * 3 * 8 * 2),
    (lambda x: x + ops.sum(x * x), 0),
]


@pytest.mark.parametrize(("function", "expected"), OPERATIONS)
def test_operations_in_a_graph(function, expected):
    x = keras.Input((5, 8))
    assert count_flops(keras.Model(x, function(x))) == expected


class Block(layers.Layer):
    """Holds layers and a weight of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(7)
        self.norm = layers.BatchNormalization()

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.norm.build((*input_shape[:-1], 7))
        self.mix = self.add_weight(shape=(7, 2))

    def call(self, inputs, training=None):
        x = self.norm(self.dense(inputs), training=training)
        return ops.matmul(x + self.dense(inputs), self.mix)


class Network(keras.Model):
    """Is no graph."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block = Block()
        self.heads = [layers.Dense(3), layers.Dense(4)]

    def call(self, inputs):
        x = self.block(inputs)
        return {"a": self.heads[0](x), "b": self.heads[1](x)}


def test_own_layers_are_followed():
    block = 2 * 6 * 8 * 7 + 6 * 7 * 2
    assert count_flops(Block(), (None, 6, 8)) == block
    assert count_flops(Network(), (None, 6, 8)) == block + 6 * 2 * (3 + 4)


def test_layers_called_by_keyword():
    x = keras.Input((6, 8))
    y = layers.Dense(3)(inputs=x)
    y = layers.EinsumDense("abc,cd->abd", output_shape=(None, 5))(inputs=y)
    assert count_flops(keras.Model(x, y)) == 6 * (8 * 3 + 3 * 5)


def test_models_inside_and_layers_called_twice():
    x = keras.Input((8,))
    shared = layers.Dense(8)
    inner = keras.Model(x, shared(shared(x)))
    y = inner(layers.Dense(8)(inner(x)))
    model = keras.Sequential([keras.Model(x, y), layers.Dense(2)])
    assert count_flops(model, (None, 8)) == 5 * 64 + 16


def test_inputs_of_several_shapes():
    a, b = keras.Input((4,), name="a"), keras.Input((6,), name="b")
    one, two = layers.Dense(3)(a), layers.Dense(5)(b)
    as_list = keras.Model([b, a], [one, two])
    as_mapping = keras.Model({"b": b, "a": a}, [one, two])
    assert count_flops(as_list) == 12 + 30
    assert count_flops(as_mapping) == 12 + 30
    shapes = {"b": (None, 6), "a": (None, 4)}
    assert count_flops(as_mapping, shapes) == 12 + 30


def test_sizes_that_are_open_are_given():
    x = keras.Input((None, None, 3))
    y = layers.Conv2D(4, 3, strides=2, padding="same")(x)
    model = keras.Model(x, layers.Dense(2)(y))
    expected = 4 * 6 * (27 * 4 + 8)
    assert count_flops(model, (None, 8, 12, 3)) == expected
    assert count_flops(model, (16, 8, 12, 3)) == expected
    with pytest.raises(ValueError, match="`input_shape` must hold all sizes"):
        count_flops(model)


def test_the_weights_of_a_layer_are_counted_where_it_cannot_be_followed():
    class Opaque(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], 5))
            self.offset = self.add_weight(shape=(5,))

        def call(self, inputs):
            if not isinstance(inputs, keras.KerasTensor):
                return inputs @ self.kernel
            raise TypeError("not for tensors without values")

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 5)

    message = r"'odd' \(Opaque\) is estimated.*not for tensors without values"
    with pytest.warns(UserWarning, match=message) as caught:
        x = keras.Input((6, 8))
        layer = Opaque(name="odd")
        model = keras.Model(x, layer(layers.Dense(8)(layer(x)[..., :8]) * 1.0))
        assert count_flops(model) == 6 * 8 * 5 + 6 * 5 * 8 + 6 * 8 * 5
    assert len([w for w in caught if "is estimated" in str(w.message)]) == 1
    model.trainable = False
    with pytest.warns(UserWarning, match=message):
        assert count_flops(model) == 6 * 8 * 5 + 6 * 5 * 8 + 6 * 8 * 5


def test_work_of_a_frozen_layer_is_the_same():
    layer = layers.LSTM(3, trainable=False)
    assert count_flops(layer, (None, 6, 8)) == 6 * 4 * 3 * (8 + 3)


def test_counting_changes_nothing():
    x = keras.Input((8, 8, 3))
    y = layers.Dropout(0.5)(layers.Conv2D(4, 3)(x))
    model = keras.Model(x, layers.BatchNormalization()(y))
    before = model.get_weights()
    config = model.get_config()
    count_flops(model)
    count_flops(model, (None, 16, 16, 3))
    assert model.get_config() == config
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_exits_of_resnet32():
    """The figures for pooled linear heads: 24.04, 46.45 and 68.87 million."""
    backbone = keras_lt.models.resnet32((32, 32, 3))
    stages = cut(backbone, ["stage_1", "stage_2"])
    of_stages = [count_flops(stage) for stage in stages]
    for classes, last in ((10, 68.86), (100, 68.87)):
        spent, left_at = 0, []
        for stage, flops in zip(stages, of_stages, strict=True):
            head = keras.Sequential(
                [layers.GlobalAveragePooling2D(), layers.Dense(classes)]
            )
            spent += flops + count_flops(head, stage.output.shape)
            left_at.append(round(spent / 1e6, 2))
        assert left_at == [24.04, 46.45, last]
    # By hand: 3 x 3 kernels at 32 x 32, 16 x 16 and 8 x 8 positions.
    stem, deep = 1024 * 9 * 3 * 16, 9 * 1024 * 9 * 16 * 16
    assert of_stages[0] == stem + deep + 1024 * 9 * 16 * 16
    assert count_flops(backbone) == sum(of_stages)


def bottleneck_network(stride_on_first):
    """Returns ResNet-50 without normalization, with either form of stride."""

    def convolution(filters, size, stride=1):
        return layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            kernel_initializer="zeros",
        )

    images = keras.Input((224, 224, 3))
    x = convolution(64, 7, 2)(images)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            first, second = (stride, 1) if stride_on_first else (1, stride)
            filters = 64 * 2**stage
            y = convolution(filters, 1, first)(x)
            y = convolution(filters, 3, second)(y)
            y = convolution(4 * filters, 1)(y)
            if not block:
                x = convolution(4 * filters, 1, stride)(x)
            x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(1000)(x))


@pytest.mark.slow
def test_resnet50_has_the_work_that_papers_report():
    """4.09 billion with the stride on the 3 x 3, 3.86 on the first 1 x 1."""
    later = count_flops(bottleneck_network(stride_on_first=False))
    assert round(later / 1e9, 3) == 4.089
    earlier = count_flops(bottleneck_network(stride_on_first=True))
    assert round(earlier / 1e9, 2) == 3.86
    # What the three moved strides save, by hand.
    saved = 0
    for filters, size in ((128, 28), (256, 14), (512, 7)):
        inner, wide = 2 * filters, filters
        saved += 3 * size**2 * inner * wide
    assert later - earlier == saved


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: layers.Dense(3), None, "`input_shape` must be given"),
        (lambda: layers.Conv2D(3, 3), (None, None, 8, 3), "must hold all"),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.ReLU()]),
            (8, 8, 3),
            "with the batch axis: (None, 8, 8, 3). Received: "
            "input_shape=(8, 8, 3).",
        ),
    ],
)
def test_shapes_that_are_refused(make, shape, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        count_flops(make(), shape)
