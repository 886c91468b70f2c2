"""LeNet-5 (LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition, 1998)."""

from minidl import functional as F
from minidl import nn

from .layers import check_images


class LeNet5(nn.Module):
    """Two convolutions of 5x5 with 6 and 16 maps, each pooled by 2, then 120, 84 and num_classes units: 61,706 weights.

    As taught today: relu for the scaled tanh, max pooling for the trained subsampling, every map of the second
    convolution sees all of the first, and the last layer is linear. Images of 28x28 are padded to the paper's 32x32.

    x (N, C, 28, 28) or (N, C, 32, 32), as input_shape says; gives logits (N, num_classes).
    """

    def __init__(self, num_classes=10, input_shape=(1, 28, 28)):
        super().__init__()
        channels, size = input_shape[0], input_shape[1:]
        check_images(self, input_shape, exactly=(28, 32))
        self.conv1 = nn.Conv2d(channels, 6, kernel_size=5, padding=(32 - size[0]) // 2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # 6 x 14 x 14
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # 16 x 5 x 5
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


MODELS = {"lenet5": (LeNet5, (1, 28, 28), 10, "LeCun et al. 1998: 2 + 3 layers")}
