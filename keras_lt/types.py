"""Names for the kinds of values that pass between the parts."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

Tensor = Any
"""A tensor of the running backend, or a NumPy array."""

Outputs = Mapping[str, Tensor]
"""What a model of this library returns: `logits`, `features` and others."""

Config = dict[str, Any]
"""A configuration that JSON can hold."""

ClassCounts = Sequence[int] | np.ndarray
"""Number of training examples of each class, by label."""
