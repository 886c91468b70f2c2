"""minidl eval"""

from pathlib import Path

from minidl.cli.options import add_device_options, use_device

DESCRIPTION = """\
Measure a trained network on the test data of its data set.

By default with the weights of the epoch that did best on these very data,
which flatters them a little; --last takes the weights of the last epoch.
"""


def add_parser(commands):
    epilog = "example:\n  minidl eval runs/lenet5-fashion-mini"
    parser = commands.add_parser("eval", help="measure a trained network", description=DESCRIPTION, epilog=epilog)
    parser.set_defaults(run=run)
    parser.add_argument("folder", metavar="RUN", help="the folder of a run, as `minidl train` made it")
    parser.add_argument("--last", action="store_true", help="use the last weights (last.npz), not the best (best.npz)")
    add_device_options(parser)


def run(args):
    device = use_device(args.device, args.threads)

    from minidl.cli.setup import open_data, to_network
    from minidl.data import DataLoader
    from minidl.training import evaluate

    model, config = load_run(args.folder, args.last)
    dataset = open_data(config["data"], train=False, channels=config["images"]["channels"])
    dataset.transform = to_network(config["images"])
    loss, accuracy = evaluate(model.to(device), DataLoader(dataset, batch_size=256))
    which = "last" if args.last else "best"
    print(f"{config['model']} on the {len(dataset):,} test images of {config['data']}, {which} weights of the run")
    print(f"test loss {loss:.4f}")
    print(f"test accuracy {accuracy:.4f}")


def load_run(folder, last=False):
    """The trained model of a run and its configuration."""
    from minidl.checkpoint import load_last, read_config
    from minidl.cli.setup import create_model
    from minidl.serialization import load

    config = read_config(folder)
    missing = [name for name in ("model", "data", "images") if name not in config]
    if missing:
        raise ValueError(f"{folder} is not a run of `minidl train`: its config.json lacks {', '.join(missing)}")
    path = Path(folder) / ("last.npz" if last else "best.npz")
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}: no epoch has ended yet; minidl train --resume {folder}")
    model = create_model(config["model"], config["images"])
    if last:
        load_last(model, folder)
    else:
        load(model, path)
    return model, config
