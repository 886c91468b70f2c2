"""Do two images show the same thing? Face verification, as in the lecture: python examples/verification.py

There are no faces in the built-in data, so classes of clothes are the identities here. Seven are learned from; three
are held out, as the people whom such a system meets in use. A network learns to embed images so that those of one
identity lie together, from triplets (FaceNet, 2015), or with `--loss contrastive` from pairs (Hadsell et al., 2006).
Then each two test images are compared. Every threshold on their distance says yes too often, or no too often: the ROC
curve, in roc.png, shows how often. Half a minute on two cores.
"""

import argparse
import time

import numpy as np

import minidl
from minidl import data, nn, optim
from minidl import functional as F
from minidl.metrics import equal_error_rate, roc_auc
from minidl.transfer import extract_features
from minidl.verification import Pairs, Triplets, all_pairs
from minidl.visualize import plot_roc

parser = argparse.ArgumentParser(description="Learn to tell whether two images show the same thing.")
parser.add_argument("--loss", choices=["triplet", "contrastive"], default="triplet", help="default: triplet")
parser.add_argument("--epochs", type=int, default=6, help="passes over the images of the seven (default: 6)")
parser.add_argument("--limit", type=int, help="use only so many images of each part, for a quick look")
parser.add_argument("--out", default="roc.png", help="where the ROC curves are drawn (default: roc.png)")
args = parser.parse_args()

HELD_OUT = [3, 7, 8]  # dress, sneaker, bag
LEARNED = [0, 1, 2, 4, 5, 6, 9]
to_network = data.Compose([data.ToArray(), data.Normalize(data.FashionMini.mean, data.FashionMini.std)])


def identities(train, classes):
    clothes = data.FashionMini(train=train, transform=to_network)
    return data.Subset(clothes, np.flatnonzero(np.isin(clothes.labels, classes))[: args.limit])


class Embedding(nn.Module):
    """Two convolutions, two linear layers: an image becomes a point in 16 dimensions."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5)
        self.fc1 = nn.Linear(32 * 5 * 5, 64)
        self.fc2 = nn.Linear(64, 16)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # 16 x 14 x 14
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # 32 x 5 x 5
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def triplet_loss(anchor, positive, negative):
    return F.triplet_margin_loss(model(anchor), model(positive), model(negative))


def contrastive_loss(image, other, same):
    return F.contrastive_loss(model(image), model(other), same, margin=2.0)


minidl.manual_seed(0)
model = Embedding()
draw, loss_of = (Triplets, triplet_loss) if args.loss == "triplet" else (Pairs, contrastive_loss)
loader = data.DataLoader(draw(identities(True, LEARNED)), batch_size=64, shuffle=True)
optimizer = optim.Adam(model.parameters(), lr=0.001)
for epoch in range(1, args.epochs + 1):
    start, losses = time.perf_counter(), []
    for images in loader:
        loss = loss_of(*images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch}/{args.epochs}  loss {np.mean(losses):.4f}  {time.perf_counter() - start:.1f} s", flush=True)

results = {}
for name, classes in {"learned": LEARNED, "held out": HELD_OUT}.items():
    test = data.DataLoader(identities(False, classes), batch_size=100)
    results[f"{name}, embedding"] = all_pairs(*extract_features(model, test, layer=""))
    pixels, labels = extract_features(nn.Flatten(), test, layer="")
    results[f"{name}, pixels"] = all_pairs(pixels, labels)
for name, (same, scores) in results.items():
    print(
        f"{name:20} {same.sum():6} pairs of one identity, {(~same).sum():6} of two  "
        f"area {roc_auc(same, scores):.3f}  equal error {equal_error_rate(same, scores):.3f}"
    )
plot_roc(results, args.out)
print(f"the curves are in {args.out}")
