"""What torch knows of the variables of a model."""

import keras


class TorchParameters(keras.Model):
    """Mends what Keras tells torch, which knows variables by their paths."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        # Of variables with one path, as in copies of a layer that was built
        # already, torch knows one. The gradients of the others would add up
        # from step to step.
        super().zero_grad(set_to_none)
        for variable in self.trainable_variables:
            variable.value.grad = None

    def _forget_parameters(self) -> None:
        """Lets torch forget what is no variable of the model any more."""
        if keras.config.backend() == "torch":
            now = {variable.path: variable.value for variable in self.variables}
            self.torch_params.clear()
            self.torch_params.update(now)
