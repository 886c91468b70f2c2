"""The first layer of a trained AlexNet, and residual blocks behind it: python examples/finetune.py

The first layer stays frozen for the first half of the training; then it learns along, ten times more slowly. A small
AlexNet is trained for it first, on the five classes of the built-in data that the new task does not have; or, with
`--weights alexnet-owt-7be5be79.pth`, it is the one that others trained on ImageNet (docs/weights.md). Images are
enlarged to 64x64, as AlexNet needs 63x63 at least. Half a minute on two cores.
"""

import argparse
import time

import numpy as np

import minidl
from minidl import data, models, nn, optim
from minidl import functional as F
from minidl.models.resnet import BasicBlock
from minidl.training import evaluate, fit

parser = argparse.ArgumentParser(description="Fine-tune the first layer of a trained AlexNet.")
parser.add_argument("--epochs", type=int, default=12, help="passes over the images of the new task (default: 12)")
parser.add_argument("--per-class", type=int, default=30, help="training images of each new class (default: 30)")
parser.add_argument("--weights", help="a file of AlexNet's published weights, in the place of training a small AlexNet")
parser.add_argument("--scratch", action="store_true", help="draw the first layer too, for comparison")
args = parser.parse_args()

OLD = [1, 3, 5, 7, 9]  # trouser, dress, sandal, sneaker, ankle boot
NEW = [0, 2, 4, 6, 8]  # T-shirt, pullover, coat, shirt, bag


class Relabelled(data.Dataset):
    """At most `count` images of each of some classes, with the labels 0, 1, 2 ..., as colour images of 64x64."""

    def __init__(self, train, classes, count=500):
        clothes = data.FashionMini(train=train)
        indices = np.concatenate([np.flatnonzero(clothes.labels == k)[:count] for k in classes])
        enlarge, normalize = data.Resize(64), data.Compose([data.ToArray(), data.Normalize(clothes.mean, clothes.std)])
        self.images = np.repeat([normalize(enlarge(clothes.images[i])) for i in indices], 3, axis=1)
        self.labels = np.searchsorted(classes, clothes.labels[indices])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


class FineTuned(nn.Module):
    """The first layer of an AlexNet, residual blocks, average pooling, linear."""

    def __init__(self, alexnet, num_classes):
        super().__init__()
        self.first = alexnet.features[:3]  # convolution, relu, max pooling: 7 x 7
        channels = alexnet.features[0].out_channels
        self.blocks = nn.ModuleList([BasicBlock(channels, 64), BasicBlock(64, 64)])
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(F.global_avg_pool2d(x))


def loaders(classes, count=500):
    train, test = Relabelled(True, classes, count), Relabelled(False, classes)
    return data.DataLoader(train, batch_size=32, shuffle=True), data.DataLoader(test, batch_size=250)


minidl.manual_seed(0)
if args.weights:
    alexnet = models.create("alexnet", weights=args.weights)
else:
    alexnet = models.create("alexnet", num_classes=len(OLD), width=1 / 4)
    if not args.scratch:
        optimizer = optim.SGD(alexnet.parameters(), lr=0.02, momentum=0.9)
        history = fit(alexnet, *loaders(OLD), optimizer, epochs=4, progress=False)
        print(f"AlexNet on the other five classes: test accuracy {history[-1]['test_accuracy']:.4f}")

model = FineTuned(alexnet, len(NEW))
train_loader, test_loader = loaders(NEW, args.per_class)
first, others = model.first.parameters(), [*model.blocks.parameters(), *model.fc.parameters()]
rate = 0.05 if args.scratch else 0.005
optimizer = optim.SGD([{"params": first, "lr": rate}, {"params": others}], lr=0.05, momentum=0.9, weight_decay=5e-4)
schedule = optim.CosineAnnealingLR(optimizer, T_max=args.epochs)

for epoch in range(1, args.epochs + 1):
    start, losses = time.perf_counter(), []
    learns = args.scratch or epoch > args.epochs / 2
    model.first.requires_grad_(learns)
    for images, labels in train_loader:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    schedule.step()
    print(
        f"epoch {epoch}/{args.epochs}  first layer {'learns' if learns else 'frozen'}  "
        f"train loss {np.mean(losses):.4f}  test accuracy {evaluate(model, test_loader)[1]:.4f}  "
        f"{time.perf_counter() - start:.1f} s",
        flush=True,
    )
