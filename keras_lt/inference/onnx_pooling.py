"""Rewrites maximum pooling from JAX in a form that onnxruntime knows."""

from typing import Any


def pool_over_two_axes(model: Any) -> None:
    """Turns each maximum over four axes that covers two into one over two.

    jax2onnx pools `(batch, height, width, channels)` over all four axes, with
    a window of 1 over the first and the last, between nodes that add and drop
    two more axes. That is right, but onnxruntime pools over three axes at
    most. Moving the channels does the same.

    Args:
        model: An ONNX model, changed in place.
    """
    made = {name: node for node in model.graph.node for name in node.output}
    dropped, replaced = [], {}
    for last in model.graph.node:
        chain = _chain_to(last, made)
        if chain is not None:
            first, second, pool = chain
            dropped += [id(first), id(second), id(pool)]
            replaced[id(last)] = _pooling(first.input[0], pool, last.output[0])
    nodes = [
        new
        for node in model.graph.node
        if id(node) not in dropped
        for new in replaced.get(id(node), [node])
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _chain_to(last: Any, made: dict[str, Any]) -> list[Any] | None:
    """Returns the nodes before a `Squeeze` that make up such a pooling."""
    chain = [last]
    for kind in ("Squeeze", "MaxPool", "Unsqueeze", "Unsqueeze"):
        if chain[0] is None or chain[0].op_type != kind:
            return None
        chain.insert(0, made.get(chain[0].input[0]))
    window = _attributes(chain[3])["kernel_shape"]
    if len(window) != 4 or window[0] != 1 or window[3] != 1:
        return None
    return chain[1:4]


def _pooling(source: str, pool: Any, target: str) -> list[Any]:
    from onnx import helper

    attributes: dict[str, Any] = {
        # Pads are those at all starts, then those at all ends.
        name: [size for at, size in enumerate(sizes) if at % 4 in (1, 2)]
        for name, sizes in _attributes(pool).items()
        if name in ("kernel_shape", "strides", "pads", "dilations")
    }
    moved, pooled = f"{target}/moved", f"{target}/pooled"
    return [
        helper.make_node("Transpose", [source], [moved], perm=[0, 3, 1, 2]),
        helper.make_node("MaxPool", [moved], [pooled], **attributes),
        helper.make_node("Transpose", [pooled], [target], perm=[0, 2, 3, 1]),
    ]


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}
