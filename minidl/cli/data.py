"""minidl data list | fetch | show"""

import shutil
import textwrap

DESCRIPTION = """\
The data sets that minidl knows. They lie in $MINIDL_DATA, by default
~/.cache/minidl; files that are there already in their official form are used
as they are. fashion-mini comes with minidl.
"""

EPILOG = """\
examples:
  minidl data list
  minidl data fetch mnist
  minidl data show fashion-mini --out clothes.png
"""

LIST = "The data sets, their licences, and which of them are on this disk."

FETCH = """\
Download a data set into $MINIDL_DATA (default ~/.cache/minidl) and check it
against its published digest. A download that broke off goes on where it
stopped; what is there already is not fetched again.
"""

SHOW = "Draw a few training images of each class into a PNG file."


def add_parser(commands):
    help = "list, fetch and look at data sets"
    parser = commands.add_parser("data", help=help, description=DESCRIPTION, epilog=EPILOG)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="what there is, and what of it is on this disk", description=LIST)
    listing.set_defaults(run=list_data)
    fetching = actions.add_parser("fetch", help="download a data set", description=FETCH)
    fetching.set_defaults(run=fetch)
    showing = actions.add_parser("show", help="draw a few training images of each class", description=SHOW)
    showing.set_defaults(run=show)
    showing.add_argument("--out", metavar="FILE", help="the PNG file to write (default: NAME.png)")
    for action in (fetching, showing):
        action.add_argument("name", metavar="NAME", help="a name from `minidl data list`")


def list_data(args):
    from minidl import data

    columns = shutil.get_terminal_size().columns
    for name in data.names():
        info = data.info(name)
        print(f"{name:14} {_state(info)}")
        for line in (info.description, f"licence: {info.licence}"):
            print(textwrap.fill(line, columns, initial_indent="    ", subsequent_indent="    "))
    print(f"\nfolder of the data: {data.data_root()} (set MINIDL_DATA to change it)")


def fetch(args):
    from minidl import data

    folder = data.fetch(args.name)
    train, test = data.create(args.name, train=True), data.create(args.name, train=False)
    print(f"{args.name}: {len(train):,} training and {len(test):,} test images in {folder}")


def show(args):
    import numpy as np

    from minidl import data
    from minidl.visualize import show_images

    dataset = data.create(args.name, train=True)
    rows = 5 if len(dataset.classes) <= 10 else 1
    # Column k holds class k, where there are ten classes.
    chosen = np.stack([np.flatnonzero(dataset.labels == k)[:rows] for k in range(len(dataset.classes))], axis=1).ravel()
    out = args.out or f"{args.name}.png"
    show_images(dataset.images[chosen], dataset.labels[chosen], dataset.classes, out)
    print(f"{args.name}: {len(dataset):,} training images of {len(dataset.classes)} classes; some of them are in {out}")


def _state(info):
    from minidl.data.download import data_root, find

    if not info.remote:
        return "comes with minidl"
    if all(find(data_root() / info.folder, member) for member in info.members):
        return "on this disk"
    return f"not fetched yet ({sum(info.sizes.values()) / 1e6:.0f} MB)"
