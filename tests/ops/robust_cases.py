"""The forms of the robust loss."""

import pytest

from tests import robustness_reference as reference

BOUNDS, DISTANCES = reference.BOUNDS, reference.DISTANCES
every_bound = pytest.mark.parametrize("bound", BOUNDS)
every_distance = pytest.mark.parametrize("distance", DISTANCES)
