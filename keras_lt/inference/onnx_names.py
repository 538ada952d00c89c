"""Gives the inputs and outputs of an ONNX file the names that are promised."""

import os
import pathlib
from collections.abc import Sequence


def name_onnx_ends(path: pathlib.Path, outputs: Sequence[str]) -> None:
    """Calls the input of a file `inputs`, its outputs as given, in order.

    Backends lose these names: PyTorch calls outputs `26` or `x.19`, JAX
    `relu_out_0`. Others stay as they are, with a prefix that keeps them apart
    from the new ones. Nodes that copy are added at the ends, as an output may
    be an input too; onnxruntime removes them where they are not needed.
    """
    import onnx
    from onnx import compose
    from onnx import helper

    model = compose.add_prefix(onnx.load(path), "stage/")
    graph = model.graph
    (entry,) = graph.input
    first = helper.make_node("Identity", ["inputs"], [entry.name])
    last = [
        helper.make_node("Identity", [value.name], [name])
        for value, name in zip(graph.output, outputs, strict=True)
    ]
    nodes = [first, *graph.node, *last]
    del graph.node[:]
    graph.node.extend(nodes)
    for value, name in zip(
        [entry, *graph.output], ["inputs", *outputs], strict=True
    ):
        value.name = name
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model)
    partial = path.with_name(f"{path.name}.partial")
    onnx.save(model, partial)
    os.replace(partial, path)
