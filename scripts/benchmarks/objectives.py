"""What the robustness objective costs, alone and in a training step."""

import keras
import numpy as np

from keras_lt import models
from keras_lt.objectives import Robustness
from scripts.benchmarks import _robust_step
from scripts.benchmarks._in_turn import ratios
from scripts.benchmarks._in_turn import seconds_of
from scripts.benchmarks._objective_step import objective_step
from scripts.benchmarks._objective_step import product_step
