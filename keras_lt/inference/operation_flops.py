"""Formulas for the work of the operations that multiply and add."""

import math
from collections.abc import Callable
from typing import Any

import keras


def _matmul(operation: Any, operands: Any, outputs: Any) -> int:
    return _size(outputs) * operands[0].shape[-1]


def _tensordot(operation: Any, operands: Any, outputs: Any) -> int:
    # Each of the axes summed over is in both operands, and not in the output.
    sizes = _size(operands[0]) * _size(operands[1])
    return math.isqrt(sizes * _size(outputs))


def _einsum(operation: Any, operands: Any, outputs: Any) -> int:
    if len(operands) < 2:
        return 0
    inputs = operation.subscripts.split("->")[0].replace(" ", "").split(",")
    sizes: dict[str, int] = {}
    for letters, operand in zip(inputs, operands, strict=True):
        head, dots, tail = letters.partition("...")
        shape = tuple(operand.shape)
        rest = len(shape) - len(tail)
        axes = [*zip(head, shape, strict=False)]
        axes += [*zip(tail, shape[rest:], strict=True)]
        if dots:
            broadcast = shape[len(head) : rest]
            axes += [(str(i), n) for i, n in enumerate(reversed(broadcast))]
        for letter, size in axes:
            # The sizes of the last operand, a kernel as a rule, are certain:
            # Keras says that attention returns as much as a query has.
            sizes[letter] = size if size > 1 else sizes.get(letter, 1)
    return math.prod(sizes.values())


def _convolution(operation: Any, operands: Any, outputs: Any) -> int:
    # The kernel has the channels of one group, and the filters last.
    kernel = operands[1].shape
    return _size(outputs) * math.prod(kernel[:-1])


def _transposed_convolution(operation: Any, operands: Any, outputs: Any) -> int:
    # Each pixel of the input is multiplied; the kernel has its channels last.
    return _size(operands[0]) * math.prod(operands[1].shape[:-1])


def _depthwise_convolution(operation: Any, operands: Any, outputs: Any) -> int:
    return _size(outputs) * math.prod(operands[1].shape[:-2])


def _separable_convolution(operation: Any, operands: Any, outputs: Any) -> int:
    _, depthwise, pointwise = operands
    positions = _size(outputs) // pointwise.shape[-1]
    return positions * (_size(depthwise) + _size(pointwise))


def _attention(operation: Any, operands: Any, outputs: Any) -> int:
    query, key, value = operands[:3]
    rows = _size(query) // query.shape[-1]
    return rows * key.shape[1] * (query.shape[-1] + value.shape[-1])


OPERATION_FLOPS: dict[str, Callable[[Any, Any, Any], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "DepthwiseConv": _depthwise_convolution,
    "Dot": _matmul,
    "DotProductAttention": _attention,
    "Einsum": _einsum,
    "Matmul": _matmul,
    "SeparableConv": _separable_convolution,
    "Tensordot": _tensordot,
}
"""Formulas by the name of the operation's class.

Each takes the operation, its operands and its output, and returns the
multiply-accumulates.
"""

LAYER_FLOPS = {
    keras.layers.Conv1D: (_convolution, "kernel"),
    keras.layers.Conv2D: (_convolution, "kernel"),
    keras.layers.Conv3D: (_convolution, "kernel"),
    keras.layers.Conv1DTranspose: (_transposed_convolution, "kernel"),
    keras.layers.Conv2DTranspose: (_transposed_convolution, "kernel"),
    keras.layers.Conv3DTranspose: (_transposed_convolution, "kernel"),
    keras.layers.Dense: (_matmul, "kernel"),
    keras.layers.DepthwiseConv1D: (_depthwise_convolution, "kernel"),
    keras.layers.DepthwiseConv2D: (_depthwise_convolution, "kernel"),
}
"""Formulas of layers, and the attributes that are operands beside the input.

These could be followed to their operations too, but for one thing: the
symbolic convolution of Keras refuses groups.
"""


def _size(tensor: Any) -> int:
    return math.prod(tensor.shape)
