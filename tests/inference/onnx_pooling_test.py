"""Pooling over two axes of four, as onnxruntime wants it."""

import numpy as np
import pytest

from keras_lt.inference.onnx_pooling import pool_over_two_axes

onnx = pytest.importorskip("onnx", reason="onnx makes the graphs")
onnxruntime = pytest.importorskip("onnxruntime", reason="it runs the graphs")


def graph_of(window, **attributes):
    """Pools as jax2onnx writes it: over all axes, between two more."""
    from onnx import helper

    float32 = onnx.TensorProto.FLOAT
    axis = helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [0])
    axes = helper.make_tensor("axes", onnx.TensorProto.INT64, [2], [0, 1])
    pooling = {"kernel_shape": window, **attributes}
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["x", "axis"], ["a"]),
            helper.make_node("Unsqueeze", ["a", "axis"], ["b"]),
            helper.make_node("MaxPool", ["b"], ["c"], **pooling),
            helper.make_node("Squeeze", ["c", "axes"], ["y"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", float32, ["n", 7, 6, 5])],
        [helper.make_tensor_value_info("y", float32, ["n", "h", "w", 5])],
        initializer=[axis, axes],
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def pooled(x, window, strides, before, after):
    """The largest of each window, in plain loops."""
    x = np.pad(
        x,
        ((0, 0), *zip(before, after, strict=True), (0, 0)),
        constant_values=-np.inf,
    )
    rows = range(0, x.shape[1] - window[0] + 1, strides[0])
    columns = range(0, x.shape[2] - window[1] + 1, strides[1])
    return np.stack(
        [
            np.stack(
                [
                    x[:, i : i + window[0], j : j + window[1]].max(axis=(1, 2))
                    for j in columns
                ],
                axis=1,
            )
            for i in rows
        ],
        axis=1,
    )


@pytest.mark.parametrize(
    ("window", "strides", "before", "after"),
    [
        ((2, 3), (2, 1), (0, 0), (0, 0)),
        ((3, 2), (2, 2), (1, 0), (1, 1)),
        ((1, 4), (1, 1), (0, 0), (0, 2)),
    ],
)
def test_answers(window, strides, before, after):
    model = graph_of(
        [1, *window, 1],
        strides=[1, *strides, 1],
        pads=[0, *before, 0, 0, *after, 0],
    )
    pool_over_two_axes(model)
    onnx.checker.check_model(model)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["Transpose", "MaxPool", "Transpose"]
    x = np.random.default_rng(0).normal(size=(3, 7, 6, 5)).astype("float32")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {"x": x})
    np.testing.assert_array_equal(
        found, pooled(x, window, strides, before, after)
    )


def test_pooling_over_other_axes_is_left_alone():
    model = graph_of([1, 2, 2, 2])
    before = model.SerializeToString()
    pool_over_two_axes(model)
    assert model.SerializeToString() == before
