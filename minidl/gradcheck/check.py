"""check_gradients: the gradients of an op, a function or a network, held against differences."""

import numpy as np

from .calls import Fault, make_call
from .diagnosis import diagnose, diagnose_shape
from .differences import Differences, Direction, Element
from .report import GradientReport, GradientRow

PRECISION = np.finfo(np.float64).eps
ELEMENTWISE, FEW = 100, 10  # an array of more values is checked along random directions; FEW in a large network
LARGE = 10_000  # values to check, in all
DIRECTIONS = 6
GRADIENT = 0x67  # or the seed that a user drew x with would give gy = x, for which many a gradient is zero


def check_gradients(function, inputs, parameters=None, *, rng=0, tolerance=1e-5):
    """Hold the gradients of `function` against central differences, in float64; returns a GradientReport.

    function: an op (an object, a class, or a function that makes one), a module, or a function of tensors. inputs: its
    arrays or tensors; integers and None are handed on. parameters: a module whose parameters are checked too, and
    which is left as it was.

    For a random gradient gy of the output y, each value a that backward gives is compared with

        n = sum(gy (y(x + h) - y(x - h))) / 2h,  relative error = |a - n| / max(|a|, |n|, floor)

    Below 1e-7 a gradient is right, as a rule, and above 1e-4 wrong; here, above `tolerance`. The floor, a thousandth
    of the median |n| or a million times what rounding does to n, keeps out what rounding has eaten. Large arrays are
    checked along random directions. At a kink, where y(x + h) and y(x - h) tell different slopes however small h,
    nothing is compared, and the place is counted.

    >>> from minidl import functional as F
    >>> check_gradients(lambda x, w: F.relu(F.linear(x, w)), [np.ones((2, 3)), np.eye(3)]).ok
    True
    """
    inputs = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    if not isinstance(rng, np.random.Generator):
        rng = np.random.default_rng([rng, GRADIENT])
    with make_call(function, inputs, parameters) as call, np.errstate(all="ignore"):
        try:
            rows = _check(call, rng, tolerance)
        except Fault as fault:
            return GradientReport(faults=[str(fault)[0].upper() + str(fault)[1:]])
    return GradientReport(rows, remarks=[call.remark] if call.remark else [])


def _check(call, rng, tolerance):
    """A row for each input and parameter."""
    checked = [i for i, value in enumerate(call.values) if value is not None]
    if not checked:
        raise Fault("there is nothing to check: no input is floating-point, and no parameters were given")
    for i in checked:
        _require_finite(call.values[i], f"the input {call.names[i]}")
    y = call.output(call.values)
    if not np.array_equal(y, call.output(call.values), equal_nan=True):
        raise Fault(
            "the function gives another output at each call, as dropout does when it draws anew: call model.eval(), or "
            "minidl.manual_seed(0) at the beginning of the function"
        )
    _require_finite(y, "the output")
    gy = np.asarray(rng.standard_normal(y.shape))
    gradients = call.gradients(gy)
    noise, quantum = _noise(call, y, gy, rng)
    elementwise = FEW if sum(call.values[i].size for i in checked) > LARGE else ELEMENTWISE
    rows = []
    for i in checked:

        def output(changed, i=i):
            return call.output([*call.values[:i], changed, *call.values[i + 1 :]])

        differences = Differences(output, call.values[i], y, gy, noise, quantum, tolerance)
        rows.append(_check_one(call.names[i], gradients[i], differences, elementwise, rng))
    return rows


def _noise(call, y, gy, rng):
    """What rounding makes of each value of gy * y, and the least that it makes, also where y is small.

    The first is seen by changing the inputs in their last digit. The second is not: the loss of a network that is sure
    of itself is nearly 0, but it was computed with numbers near 1, or near the inputs if these are smaller.
    """
    values = [x for x in call.values if x is not None]
    quantum = 10 * PRECISION * np.abs(gy) * min(1.0, max(np.abs(x).max(initial=0) for x in values))
    noise = np.maximum(PRECISION * np.abs(gy * y), quantum)
    for _ in range(4):
        nearby = [x if x is None else x * (1 + PRECISION * rng.integers(-1, 2, x.shape)) for x in call.values]
        noise = np.fmax(noise, np.abs(gy * (call.output(nearby) - y)))
    return noise, quantum


def _check_one(name, gradient, differences, elementwise, rng):
    """The row of one input."""
    x = differences.x
    if gradient is not None and gradient.shape != x.shape:
        fault = f"the gradient {diagnose_shape(name, gradient.shape, x.shape)}"
        return GradientRow(name, total=x.size, verdict="WRONG", fault=fault)
    given = np.zeros_like(x) if gradient is None else gradient
    if not np.isfinite(given).all():
        value, index = _first_not_finite(given)
        fault = f"the gradient is {value} at {name}{list(index) or ''}"
        return GradientRow(name, total=x.size, verdict="WRONG", fault=fault)
    if not x.size:
        return GradientRow(name)
    unit, lines = "", [Element(x, index) for index in np.ndindex(x.shape)] if x.size <= elementwise else []
    if not lines:
        unit, scale = "directions", np.maximum(np.abs(x), 1)
        lines = [Direction(x, rng.standard_normal(x.shape) * scale) for _ in range(DIRECTIONS)]
    numerical, rounding = differences.along(lines)
    if unit and np.isnan(numerical).all():  # each direction meets some kink; most elements may meet none
        places = rng.choice(x.size, min(ELEMENTWISE, x.size), replace=False)
        unit, lines = "sampled", [Element(x, np.unravel_index(place, x.shape)) for place in places]
        numerical, rounding = differences.along(lines)
    settled = np.flatnonzero(~np.isnan(numerical))
    row = GradientRow(name, len(settled), len(lines), unit, len(lines) - len(settled))
    if not len(settled):
        row.verdict = "UNKNOWN"
        row.fault = "nothing could be compared: each place is at a kink, or the function jumps or rounds; change x"
        return row
    lines, numerical, rounding = [lines[k] for k in settled], numerical[settled], rounding[settled]
    _compare(row, given, gradient is None, differences, lines, numerical, rounding)
    return row


def _compare(row, gradient, missing, differences, lines, numerical, rounding):
    """Fill in the row: the worst place, and what is wrong."""

    def along(g):
        return np.array([line.along(g) for line in lines])

    def error(a, n, rounding):
        size = np.maximum(np.maximum(np.abs(a), np.abs(n)), np.maximum(1e-3 * differences.typical, 1e6 * rounding))
        return np.abs(a - n) / np.where(size > 0, size, 1)

    analytic = along(gradient)
    errors = error(analytic, numerical, rounding)
    wrong = errors > differences.tolerance
    worst = int(np.argmax(errors))
    line, row.error = lines[worst], float(errors[worst])
    row.analytic, row.numerical = float(analytic[worst]), float(numerical[worst])
    if wrong.any() and isinstance(line, Direction):
        element = Element(differences.x, differences.find_worst(line, gradient))
        n, rounding_there = differences.settle(element)
        if error(element.along(gradient), n, rounding_there) > differences.tolerance:
            line, row.analytic, row.numerical = element, float(element.along(gradient)), float(n)
    row.index = tuple(map(int, line.index)) if isinstance(line, Element) else None
    largest, zero = max(np.abs(analytic).max(), np.abs(numerical).max()), 10 * rounding.max()
    if wrong.any() and missing:
        row.verdict, row.analytic = "WRONG", None
        row.fault = f"the gradient is missing (None), but the output depends on {row.name}"
    elif wrong.any():
        right = np.where(np.abs(numerical) <= 10 * rounding, 0, numerical)
        known = diagnose(row.name, gradient, along, right, differences.gy)
        share = "" if wrong.all() else f" in {wrong.sum()} of {len(wrong)} places"
        row.verdict = "WRONG"
        row.fault = f"the gradient {known or f'is wrong{share}'}"
    elif largest <= zero:
        row.remark = "is zero, as far as rounding lets differences tell"
    elif largest < 10 * zero:
        row.verdict, row.fault = "UNKNOWN", "rounding leaves too few digits to compare; choose other values"
    elif largest < 1e3 * zero:
        row.remark = "is compared in few digits: rounding leaves no more"


def _first_not_finite(array):
    index = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
    return ("NaN" if np.isnan(array[index]) else "infinite"), index


def _require_finite(array, what):
    if not np.isfinite(array).all():
        value, index = _first_not_finite(array)
        raise Fault(f"{what} is {value}{f' at {list(index)}' if index else ''}: choose inputs where all is finite")
