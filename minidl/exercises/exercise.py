"""An exercise: what is to be written, how an answer is checked, and how a wrong one is explained.

An answer is run on all cases of its exercise. Its outputs are compared in their order, forward before the gradients:
with `oracle`, loops written from the definition, and with central differences of these loops. Where an output is
wrong, each mistake of the exercise that shows there says what it would give; the one that gives the student's own
numbers in every case is named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from zlib import crc32

import numpy as np

from .calling import Fault, apply, as_array, numerical_gradient
from .result import Result, close, difference


@dataclass(frozen=True)
class Mistake:
    """A mistake that people make: the output where it shows, its name, what it gives, a hint that is no solution.

    gives(r) computes the wrong output from a case r: inputs, settings, gy and the right outputs are its attributes.
    """

    output: str
    name: str
    gives: Callable
    hint: str


@dataclass
class Exercise:
    """What all kinds of exercises share.

    oracle(*inputs, **settings) gives the right output. A case is a dict: for each name in `inputs` a shape (filled with
    random numbers) or an array, and the settings.
    """

    name: str
    summary: str
    task: str
    starter: str
    tip: str
    inputs: tuple
    oracle: Callable
    cases: list
    mistakes: list

    @property
    def outputs(self):
        return ("y",)

    @property
    def answer_name(self):
        """The name of the class or function that the starter begins."""
        return self.starter.split("(")[0].split(":")[0].split()[-1]

    def text(self):
        """The task as a comment, and the starter: paste it into a file or a notebook cell."""
        task = "\n".join(f"# {line}".rstrip() for line in self.task.splitlines())
        return f"# {self.name}: {self.summary}\n#\n{task}\n\nimport numpy as np\n\n\n{self.starter}"

    @cached_property
    def facts(self):
        """The cases, each with its arrays, settings and right outputs as attributes."""
        rng = np.random.default_rng(crc32(self.name.encode()))
        return [self._fact(dict(case), rng) for case in self.cases]

    def _fact(self, case, rng):
        inputs = {}
        for name in self.inputs:
            value = case.pop(name)
            inputs[name] = rng.standard_normal(value) if isinstance(value, tuple) else np.array(value, float)
        y = np.asarray(self.oracle(*inputs.values(), **case))
        r = SimpleNamespace(**inputs, **case, inputs=inputs, settings=case, y=y)
        self.complete(r, rng)
        return r

    def complete(self, r, rng):
        """Add the right values of the outputs after y."""

    def adapt(self, r, given):
        """The case with the right outputs for this answer, where they depend on its own choices (a random mask)."""
        return r

    def check(self, answer):
        """Judge an answer, a class or a function; returns a Result."""
        if not callable(answer):
            kind = type(answer).__name__
            raise TypeError(
                f"{self.name}: pass the class or function itself ({kind}, not {kind}()), got {answer!r:.60}"
            )
        given, faults = zip(*(self._attempt(answer, r) for r in self.facts), strict=True)
        facts = [self.adapt(r, g) for r, g in zip(self.facts, given, strict=True)]
        for output in self.outputs:
            for r, values, fault in zip(facts, given, faults, strict=True):
                if output not in values:
                    return Result(self.name, False, *fault.args, case=self._describe(r))
                if not close(values[output], getattr(r, output)):
                    return self._explain(output, r, values[output], facts, given)
        for fault in filter(None, faults):
            return Result(self.name, False, *fault.args)
        return self._check_type(answer)

    def _attempt(self, answer, r):
        """(outputs by name, the Fault that ended the run or None)"""
        given = {}
        try:
            self.run(answer, r, given)
        except Fault as fault:
            return given, fault
        return given, None

    def run(self, answer, r, given):
        """Put the answer's outputs into `given`, one after the other; raises Fault."""
        arrays = {name: array.copy() for name, array in r.inputs.items()}
        given["y"] = as_array("the result", apply(answer, arrays, settings=r.settings))

    def _explain(self, output, r, value, facts, given):
        """The Result for a wrong output: a mistake that fits all cases, or else where it differs."""
        pairs = [(r, values[output]) for r, values in zip(facts, given, strict=True) if output in values]
        if np.isfinite(value).all():  # an overflow in some other case is another mistake
            pairs = [(r, v) for r, v in pairs if np.isfinite(v).all()]
        for mistake in (*self.mistakes, *self.common_mistakes(output)):
            if mistake.output == output and _fits(mistake, r, value) and _fits_all(mistake, pairs):
                return Result(self.name, False, mistake.name, mistake.hint, self._describe(r))
        return Result(self.name, False, difference(output, value, getattr(r, output)), case=self._describe(r))

    def common_mistakes(self, output):
        def n(r):
            return len(r.inputs[self.inputs[0]])

        def right(r):
            return getattr(r, output)

        divided = f"Is there a mean in the formula of {output}, or one too many?"
        return [
            Mistake(output, f"{output} has the wrong sign", lambda r: -right(r), "Follow the minus signs."),
            Mistake(output, f"{output} is divided by N and should not be", lambda r: right(r) / n(r), divided),
            Mistake(output, f"{output} is N times too large", lambda r: right(r) * n(r), divided),
            Mistake(output, f"{output} is transposed", lambda r: right(r).T, "Write the shapes beside the formula."),
        ]

    def _check_type(self, answer):
        """Run the first case in float32; every output must be float32 then."""
        r = self.facts[0]
        single = {name: array.astype(np.float32) for name, array in r.inputs.items()}
        given, fault = self._attempt(answer, SimpleNamespace(**{**vars(r), "inputs": single}))
        if fault:
            return Result(self.name, False, *fault.args, case="inputs of type float32")
        for output in self.outputs:
            if given[output].dtype == np.float64 and given[output].ndim:
                hint = "np.zeros and np.ones make float64 unless told otherwise: np.zeros(shape, x.dtype)."
                return Result(self.name, False, f"{output} is float64 though the inputs are float32", hint)
        return Result(self.name, True, f"{len(self.facts)} cases: {', '.join(self.outputs)}")

    def _describe(self, r):
        arrays = [f"{name} {array.shape}" for name, array in r.inputs.items()]
        settings = [f"{name} {np.shape(v) if np.ndim(v) > 1 else v}" for name, v in r.settings.items()]
        return ", ".join(arrays + settings)


class FunctionExercise(Exercise):
    """The answer is a function, called with the inputs and, by name, the settings."""


class OpExercise(Exercise):
    """The answer is a class: settings to __init__, forward(*inputs), backward(gy)."""

    @property
    def outputs(self):
        return ("y", *(f"g{name}" for name in self.inputs))

    def complete(self, r, rng):
        r.gy = np.asarray(rng.standard_normal(r.y.shape))
        vars(r).update(self.gradients(r, r.gy))

    def gradients(self, r, gy):
        """The right gradients by name, from central differences of the oracle."""
        return {
            f"g{name}": numerical_gradient(
                lambda x, name=name: self.oracle(**{**r.inputs, name: x}, **r.settings), array, gy
            )
            for name, array in r.inputs.items()
        }

    def run(self, answer, r, given):
        arrays = {name: array.copy() for name, array in r.inputs.items()}
        op = apply(answer, {}, settings=r.settings)
        for method in ("forward", "backward"):
            if not hasattr(op, method):
                raise Fault(f"{type(op).__name__} has no method {method}", "`exercises.show` prints a frame to fill.")
        y = as_array("what forward returns", apply(op.forward, arrays))
        given["y"] = y.copy()
        if y.shape != r.y.shape:  # there is nothing to send back
            return
        gy = r.gy.astype(next(iter(arrays.values())).dtype)
        gradients = apply(op.backward, {"gy": gy}, watched={**arrays, "y, the output of forward,": y})
        if len(arrays) == 1 and isinstance(gradients, np.ndarray):
            gradients = (gradients,)
        several = isinstance(gradients, (tuple, list))
        if gradients is not None and not (several and len(gradients) == len(arrays)):
            got = f"{len(gradients)} of them" if several else f"a value of type {type(gradients).__name__}"
            raise Fault(f"backward must return a tuple of gradients ({', '.join(self.outputs[1:])}), not {got}")
        for i, output in enumerate(self.outputs[1:]):
            given[output] = as_array(output, gradients and gradients[i])

    def common_mistakes(self, output):
        yield from super().common_mistakes(output)
        if output == "y":
            return
        hint = "The chain rule: the gradient from above multiplies the derivative, place by place."
        yield Mistake(
            output, f"gy is left out of {output}", lambda r: self.gradients(r, np.ones_like(r.gy))[output], hint
        )
        for other in self.outputs[1:]:
            hint = "backward returns the gradients in the order in which forward takes the inputs."
            yield Mistake(output, f"in the place of {output} stands {other}", lambda r, o=other: getattr(r, o), hint)


class OptimizerExercise(Exercise):
    """The answer is a class: settings to __init__; step(w, g) returns the new w. y holds w after each step."""

    def run(self, answer, r, given):
        optimizer, w, path = apply(answer, {}, settings=r.settings), r.inputs["w"], []
        for g in r.inputs["g"]:
            arrays = {"w": w.copy(), "g": g.copy()}  # w may be changed in place, as optimizers do
            w = as_array("what step returns", apply(optimizer.step, arrays, may_change=("w",)))
            path.append(w.copy())
        given["y"] = np.stack(path)


def _fits(mistake, r, value):
    """Whether the mistake gives this value in this case; None if it is not possible there."""
    try:
        with np.errstate(all="ignore"):
            return close(value, mistake.gives(r))
    except (ValueError, IndexError, TypeError, AttributeError):
        return None


def _fits_all(mistake, pairs):
    return all(_fits(mistake, r, value) is not False for r, value in pairs)
