"""The residual network of `models.resnet32` in plain PyTorch, and its speed."""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class ResNet(nn.Module):
    """Residual network for small images, as users of PyTorch write it.

    Args:
        num_classes: Number of logits.
        channels: Number of channels of an image.
        blocks: Residual blocks of a stage; 5 make 32 layers.
    """

    def __init__(
        self, num_classes: int, channels: int = 3, blocks: int = 5
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.normalization = nn.BatchNorm2d(16)
        layers, width = [], 16
        for filters in (16, 32, 64):
            for _ in range(blocks):
                layers.append(_Block(width, filters))
                width = filters
        self.blocks = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.normalization(self.stem(x)))
        return self.classifier(self.blocks(x).mean(dim=(2, 3)))


class _Block(nn.Module):
    """Two convolutions beside a shortcut without parameters."""

    def __init__(self, width: int, filters: int) -> None:
        super().__init__()
        self.strides = 1 if width == filters else 2
        self.added = (filters - width) // 2
        self.first = nn.Conv2d(
            width, filters, 3, self.strides, padding=1, bias=False
        )
        self.first_norm = nn.BatchNorm2d(filters)
        self.second = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        if self.added:
            x = x[:, :, :: self.strides, :: self.strides]
            x = functional.pad(x, (0, 0, 0, 0, self.added, self.added))
        return functional.relu(x + y)


def step_seconds(
    repeats: int,
    batch_size: int,
    steps: int,
    image_shape: tuple[int, int, int],
    num_classes: int,
    blocks: int,
    half: bool,
) -> np.ndarray:
    """Trains on one batch over and over, which lies on the device.

    Args:
        repeats: Number of blocks that are timed, after one that is not.
        batch_size: Images of a step.
        steps: Steps of a block.
        image_shape: Height, width and channels.
        num_classes: Number of classes.
        blocks: Residual blocks of a stage.
        half: Whether convolutions compute in bfloat16.

    Returns:
        Seconds of a step, one number for each block.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    height, width, channels = image_shape
    model = ResNet(num_classes, channels, blocks).to(
        device, memory_format=torch.channels_last
    )
    images = torch.randn(batch_size, channels, height, width, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(num_classes, (batch_size,), device=device)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, weight_decay=2e-4
    )
    found = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=half):
                logits = model(images)
            loss = functional.cross_entropy(logits.float(), labels)
            loss.backward()
            optimizer.step()
        loss.item()  # Waits for the device.
        found.append((time.perf_counter() - start) / steps)
    return np.array(found[1:])
