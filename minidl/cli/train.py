"""minidl train"""

from pathlib import Path

from minidl.cli.options import UsageError, add_device_options, number, use_device, whole_number

DESCRIPTION = """\
Train a network to tell images apart. Without options: LeNet-5 on the built-in
pictures of clothes. What is not given has a value that suits the model; the
run's config.json notes it all.
"""

EPILOG = """\
A run leaves a folder, by default runs/MODEL-DATA, with
  history.csv   loss and accuracy of every epoch
  curves.png    the same as a picture
  best.npz      the weights that did best on the test data
  last.npz      everything that is needed to go on
  config.json   all options

Ctrl-C stops after the step under way and keeps it. Then, or after a power cut:
  minidl train --resume
goes on with the run changed last, as if it had not stopped, and
  minidl train --resume runs/lenet5-mnist --epochs 20
with this one, and for longer.

examples:
  minidl train --data mnist --epochs 5
  minidl train --model resnet20 --data cifar10 --augment
  minidl train --model mlp --optimizer adam --lr 0.001 --schedule none
  minidl train --model resnet18 --data photos --size 64 --augment

Photos of your own lie in a folder for each class: photos/cat, photos/dog ...;
every fifth image of a class is for the test, unless there are photos/train and
photos/val (or photos/test) with the folders of the classes in them.
"""

# Options whose default depends on the model: whether it has batch norm. SGD uses Nesterov's momentum.
SETTINGS = ["epochs", "batch_size", "lr", "momentum", "weight_decay", "optimizer", "schedule"]
DEFAULTS = {
    "without batch norm": {"epochs": 12, "batch_size": 64, "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4},
    "with batch norm": {"epochs": 20, "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
}
ADAM = {"lr": 0.001, "weight_decay": 0.0}


def add_parser(commands):
    parser = commands.add_parser("train", help="train a network", description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=run)
    what = parser.add_argument_group("what")
    what.add_argument("--model", metavar="NAME", help="a name that `minidl summary` lists (default: lenet5)")
    known = "a name from `minidl data list`, or a folder of photos (default: fashion-mini)"
    what.add_argument("--data", metavar="NAME", help=known)
    size = "photos in a folder become N x N pixels (default: the usual of the model)"
    what.add_argument("--size", type=whole_number(1), metavar="N", help=size)
    what.add_argument(
        "--augment", action="store_const", const=True,
        help="shift training images by a few pixels, or take a part of a photo, and mirror those in colour, at random",
    )  # fmt: skip
    how = parser.add_argument_group("how")
    epochs = "passes over the training data (default: 12, with batch norm 20)"
    how.add_argument("--epochs", type=whole_number(1), metavar="N", help=epochs)
    size = "images in one step (default: 64)"
    how.add_argument("--batch-size", type=whole_number(1), metavar="N", help=size)
    rate = "learning rate at the beginning (default: 0.05, with batch norm 0.1, with adam 0.001)"
    how.add_argument("--lr", type=number(0, above=True), metavar="X", help=rate)
    how.add_argument("--optimizer", choices=["sgd", "adam"], help="sgd (Nesterov's momentum; default) or adam")
    how.add_argument("--momentum", type=number(0, below=1), metavar="X", help="sgd's momentum (default: 0.9)")
    decay = "how strongly weights are drawn to zero (default: 0.0005, with adam 0)"
    how.add_argument("--weight-decay", type=number(0), metavar="X", help=decay)
    how.add_argument(
        "--schedule", choices=["none", "step", "cosine"],
        help="of the learning rate. none: constant; step: a tenth after 1/2 and again after 3/4 of the epochs; "
        "cosine (default): down towards zero along half a cosine",
    )  # fmt: skip
    how.add_argument("--seed", type=whole_number(0), metavar="N", help="the same seed gives the same run (default: 0)")
    where = parser.add_argument_group("where")
    add_device_options(where)
    workers = "threads that prepare batches ahead (default: 0); results do not depend on it"
    where.add_argument("--workers", type=whole_number(0), metavar="N", help=workers)
    where.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/MODEL-DATA, or -2, -3 ...)")
    where.add_argument("--resume", nargs="?", const="", metavar="DIR", help="go on with this run, or with the latest")


def run(args):
    folder = None if args.resume is None else _folder_to_resume(args)
    settings = _resumed_settings(args, folder) if folder else _new_settings(args)
    device = use_device(settings["device"], settings["threads"])

    from minidl import models, random
    from minidl.cli.setup import create_model, is_folder, load_data
    from minidl.data import DataLoader
    from minidl.training import fit

    channels, *size = models.input_shape(settings["model"])
    if settings["size"]:
        if not is_folder(settings["data"]):
            raise UsageError(f"--size is for photos in a folder; those of {settings['data']} have a size")
        size = [settings["size"]] * 2
    train, test, settings["images"] = load_data(settings["data"], (channels, *size), settings["augment"])
    random.manual_seed(settings["seed"])
    model = create_model(settings["model"], settings["images"]).to(device)
    optimizer, schedule = _optimizer(model, settings)
    workers = settings["workers"]
    train_loader = DataLoader(train, settings["batch_size"], shuffle=True, num_workers=workers, seed=settings["seed"])
    test_loader = DataLoader(test, batch_size=256, num_workers=workers)
    out = folder or _claim_folder(args.out, settings)

    count = sum(parameter.size for parameter in model.parameters())
    print(f"{settings['model']} with {count:,} parameters on {settings['data']}: {len(train):,} training images")
    print(f"and {len(test):,} test images; the run is kept in {out}", flush=True)
    history = fit(
        model, train_loader, test_loader, optimizer, schedule,
        epochs=settings["epochs"], out=out, resume=folder is not None, config=settings,
    )  # fmt: skip
    print(f"test accuracy {history[-1]['test_accuracy']:.4f}")


def _new_settings(args):
    """Every option with the value given or the default, as it is noted in config.json."""
    model = args.model or "lenet5"
    optimizer = args.optimizer or "sgd"
    defaults = {**_defaults(model), "optimizer": optimizer, "schedule": "cosine"}
    if optimizer == "adam":
        if args.momentum is not None:
            raise UsageError("--momentum belongs to --optimizer sgd; adam has none")
        defaults |= ADAM | {"momentum": None}
    given = {name: getattr(args, name) for name in SETTINGS}
    chosen = {name: defaults[name] if value is None else value for name, value in given.items()}
    return {
        "model": model,
        "data": args.data or "fashion-mini",
        "size": args.size,
        "augment": bool(args.augment),
        **chosen,
        "seed": args.seed or 0,
        "device": args.device or "cpu",
        "threads": args.threads,
        "workers": args.workers or 0,
    }


def _defaults(name):
    """The options that suit a model."""
    from minidl import models, nn, random

    with random.undrawn():
        normalized = any(isinstance(module, nn.BatchNorm2d) for module in models.create(name).modules())
    return DEFAULTS["with batch norm" if normalized else "without batch norm"]


def _resumed_settings(args, folder):
    """The options of a run, with the ones given now in their place where that leaves it the same run."""
    from minidl.checkpoint import check_same_run, read_config

    before = {"size": None, **read_config(folder)}
    names = ["model", "data", "size", "augment", *SETTINGS, "seed", "device", "threads", "workers"]
    missing = [name for name in names if name not in before]
    if missing:
        raise ValueError(f"{folder} is not a run of `minidl train`: its config.json lacks {', '.join(missing)}")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    check_same_run(folder, before, {**before, **given})
    return {**{name: before[name] for name in names}, **given}


def _folder_to_resume(args):
    if args.resume and args.out and Path(args.resume) != Path(args.out):
        raise UsageError(f"--resume {args.resume} and --out {args.out} name two folders; a run goes on in its own")
    if args.resume or args.out:
        return Path(args.resume or args.out)
    folders = [path.parent for path in Path("runs").glob("*/config.json")]
    if not folders:
        raise FileNotFoundError("there is no run to resume in the folder runs; name one: --resume DIR")
    return max(folders, key=lambda folder: max(path.stat().st_mtime for path in folder.iterdir()))


def _claim_folder(out, settings):
    """A folder for a new run: the one asked for, or the first of runs/MODEL-DATA, -2, -3 ... that is not there yet."""
    if out:
        if any((Path(out) / name).exists() for name in ("config.json", "last.npz", "best.npz")):
            raise UsageError(f"{out} holds a run already: go on with it (minidl train --resume {out}) or name another")
        return Path(out)
    base = f"{settings['model']}-{Path(settings['data']).resolve().name}"
    Path("runs").mkdir(exist_ok=True)
    number = 1
    while True:
        folder = Path("runs", base if number == 1 else f"{base}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def _optimizer(model, settings):
    """The optimizer and the schedule (or None) that the settings ask for."""
    from minidl import optim

    lr, weight_decay, epochs = settings["lr"], settings["weight_decay"], settings["epochs"]
    if settings["optimizer"] == "adam":
        optimizer = optim.Adam(model.parameters(), lr, weight_decay=weight_decay)
    else:
        momentum = settings["momentum"]
        optimizer = optim.SGD(model.parameters(), lr, momentum, nesterov=momentum > 0, weight_decay=weight_decay)
    if settings["schedule"] == "cosine":
        return optimizer, optim.CosineAnnealingLR(optimizer, epochs)
    if settings["schedule"] == "step":
        milestones = sorted({max(1, epochs // 2), max(1, 3 * epochs // 4)})
        return optimizer, optim.MultiStepLR(optimizer, milestones, 0.1)
    return optimizer, None
