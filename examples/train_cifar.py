"""Train ResNet-20 on CIFAR-10, as He et al. (2016) did but shorter: python examples/train_cifar.py

Random crops and flips, SGD with momentum, a cosine schedule. 20 epochs take an hour or so on two cores; with
`--limit 2000 --epochs 2` you can watch the loop run in a minute.
"""

import argparse
import sys
import time

from tqdm import tqdm

import minidl
from minidl import data, no_grad, optim
from minidl import functional as F
from minidl.models import CifarResNet

parser = argparse.ArgumentParser(description="Train ResNet-20 on CIFAR-10.")
parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (default: 20)")
parser.add_argument("--limit", type=int, help="use only so many images of each part, for a quick look")
parser.add_argument("--data-dir", help="the folder of cifar-10-batches-py/ (default: $MINIDL_DATA or ~/.cache/minidl)")
parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
args = parser.parse_args()

to_network = data.Compose([data.ToArray(), data.Normalize(data.CIFAR10.mean, data.CIFAR10.std)])
augment = data.Compose([data.RandomCrop(32, padding=4), data.RandomHorizontalFlip(), to_network])
try:
    train = data.CIFAR10(args.data_dir, train=True, transform=augment)
    test = data.CIFAR10(args.data_dir, train=False, transform=to_network)
except FileNotFoundError as error:  # it says what is missing and how to fetch it
    sys.exit(str(error))
if args.limit:
    train, test = (data.Subset(part, range(min(args.limit, len(part)))) for part in (train, test))
train_loader = data.DataLoader(train, batch_size=64, shuffle=True)
test_loader = data.DataLoader(test, batch_size=250)

minidl.manual_seed(0)
model = CifarResNet(depth=20).to(args.device)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
schedule = optim.CosineAnnealingLR(optimizer, T_max=args.epochs)

for epoch in range(1, args.epochs + 1):
    start, total = time.perf_counter(), 0.0
    model.train()  # batch norm takes the statistics of the batch
    for images, labels in tqdm(train_loader, f"epoch {epoch}/{args.epochs}", leave=False, disable=None):
        images, labels = images.to(args.device), labels.to(args.device)
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
    schedule.step()

    correct = 0
    model.eval()  # batch norm takes the running statistics
    with no_grad():
        for images, labels in test_loader:
            logits = model(images.to(args.device))
            correct += (logits.argmax(1) == labels.to(args.device)).sum().item()
    print(
        f"epoch {epoch}/{args.epochs}  train loss {total / len(train):.4f}  test accuracy {correct / len(test):.4f}  "
        f"{time.perf_counter() - start:.1f} s",
        flush=True,
    )
