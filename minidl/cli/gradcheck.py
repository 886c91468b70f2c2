"""minidl gradcheck"""

import difflib
import textwrap

from minidl.cli.options import whole_number

DESCRIPTION = """\
Hold the gradient of every operation against differences of its output, on
example inputs: one line each, with the largest relative error, which is below
1e-7 for a right gradient, as a rule, and above 1e-4 for a wrong one.
The exit status is 1 if a gradient is wrong.
"""
WIDTH = 60


def add_parser(commands):
    epilog = "examples:\n  minidl gradcheck\n  minidl gradcheck Conv2d BatchNorm --seed 7"
    help = "hold gradients against differences"
    parser = commands.add_parser("gradcheck", help=help, description=DESCRIPTION, epilog=epilog)
    parser.set_defaults(run=run)
    parser.add_argument("ops", nargs="*", metavar="OP", help="the operations, such as Conv2d (default: all)")
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="draws the inputs (default: 0)")


def run(args):
    import numpy as np

    from minidl.gradcheck import check_gradients
    from minidl.ops.examples import EXAMPLES

    chosen = _choose(args.ops, EXAMPLES)
    width, wrong = max(map(len, chosen)), 0
    for name in chosen:
        make, inputs = EXAMPLES[name]
        try:
            report = check_gradients(make, inputs(np.random.default_rng(args.seed)), rng=args.seed)
            error, sentences = f"{report.error:.1e}" if report.rows else "-", report.explain()
        except Exception as fault:  # of the op's: the others are checked all the same
            error, sentences = "-", [f"raises {type(fault).__name__}: {fault}"]
        wrong += bool(sentences)
        print(f"{name:{width}}  {error:>7}  {'WRONG' if sentences else 'ok'}", flush=True)
        for sentence in sentences:
            print(textwrap.fill(sentence, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))
    count = f"{len(chosen)} example{'s' if len(chosen) > 1 else ''}"
    print(f"{wrong} of {count} wrong" if wrong else f"{count}: all right")
    if wrong:
        raise SystemExit(1)


def _choose(names, examples):
    """The examples of the ops of these names, or all; an example's own name will do too."""
    if not names:
        return list(examples)
    of_op = {}
    for name, (make, _) in examples.items():
        of_op.setdefault(type(make()).__name__, []).append(name)
    chosen = []
    for name in names:
        if name not in of_op and name not in examples:
            plain = {known.lower(): known for known in of_op}
            near = difflib.get_close_matches(name.lower().replace("_", ""), plain, cutoff=0.5)
            near = " or ".join(plain[match] for match in near)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(of_op)}"
            raise ValueError(f"unknown op {name!r}: {hint}")
        chosen += of_op.get(name, [name])
    return list(dict.fromkeys(chosen))
