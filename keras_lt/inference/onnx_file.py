"""Makes the ONNX files of all backends alike."""

import pathlib
from collections.abc import Sequence
from typing import Any

from keras_lt.file_writing import replacing
from keras_lt.inference.onnx_pooling import pool_over_two_axes


def finish_onnx(path: pathlib.Path, outputs: Sequence[str]) -> None:
    """Names the ends of a graph, and makes it one that onnxruntime can run.

    Args:
        path: The file, as Keras wrote it; it is replaced.
        outputs: Names for the outputs, in order. The input is called `inputs`.
    """
    import onnx
    from onnx import compose

    # The prefix keeps the names that are there apart from the new ones.
    model = compose.add_prefix(onnx.load(path), "stage/")
    # Names the operation that tf2onnx, having logged an error, left as it was.
    onnx.checker.check_model(model)
    pool_over_two_axes(model)
    _name_ends(model.graph, outputs)
    onnx.checker.check_model(model)
    with replacing(path) as partial:
        onnx.save(model, partial)


def _name_ends(graph: Any, outputs: Sequence[str]) -> None:
    """Adds nodes that copy, as an output may be an input too.

    Backends lose the names: PyTorch calls outputs `26` or `x.19`, JAX
    `relu_out_0`. Where a copy is not needed, onnxruntime removes it.
    """
    from onnx import helper

    (entry,) = graph.input
    first = helper.make_node("Identity", ["inputs"], [entry.name])
    last = [
        helper.make_node("Identity", [value.name], [name])
        for value, name in zip(graph.output, outputs, strict=True)
    ]
    nodes = [first, *graph.node, *last]
    del graph.node[:]
    graph.node.extend(nodes)
    ends = zip([entry, *graph.output], ["inputs", *outputs], strict=True)
    for value, name in ends:
        value.name = name
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
