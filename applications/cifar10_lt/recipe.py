"""ResNet-32 on long-tailed CIFAR-10; see `applications.cifar`."""

from applications.cifar import make_recipe

RECIPE = make_recipe("cifar10_lt")
