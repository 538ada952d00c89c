"""What helps after training, without training again."""

from keras_lt.posthoc.class_mean_model import with_class_means
from keras_lt.posthoc.exit_average import average_exits
from keras_lt.posthoc.logit_adjustment import adjust_logits
from keras_lt.posthoc.nearest_class_mean import NearestClassMean
from keras_lt.posthoc.prior_estimation import estimate_prior
from keras_lt.posthoc.tau_choice import choose_tau
from keras_lt.posthoc.tau_choice import choose_tau_normalization
from keras_lt.posthoc.tau_normalization import tau_normalized
from keras_lt.posthoc.tau_sweep import TauSweep
from keras_lt.posthoc.temperature_fit import fit_temperature
from keras_lt.posthoc.temperature_scaling import TemperatureScaling

__all__ = [
    "NearestClassMean",
    "TauSweep",
    "TemperatureScaling",
    "adjust_logits",
    "average_exits",
    "choose_tau",
    "choose_tau_normalization",
    "estimate_prior",
    "fit_temperature",
    "tau_normalized",
    "with_class_means",
]
