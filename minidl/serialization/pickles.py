"""Pickles read without running them.

A pickle is a program for a small stack machine, and some of its instructions call functions of any module that the
file names. Here the machine is ours: it makes numbers, texts, lists, tuples and dicts, a name stays a piece of text,
and what a file may have called is a table of our own functions. Anything else is refused by its name.
"""

import pickletools

VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
}  # fmt: skip
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


class Name(str):
    """What a pickle calls by its name: "torch.FloatStorage"."""


def read_pickle(stream, functions=None, names=(), persistent_load=None):
    """The object that the pickle at the stream's position describes; the stream then stands behind it.

    functions: {name: function} that the pickle may have called. names: others that it may mention.
    persistent_load: called with the ids of what lies outside of the pickle. Raises a ValueError for all else, and
    any error of Python's for a damaged pickle.

    >>> import io, pickle
    >>> read_pickle(io.BytesIO(pickle.dumps({"size": (2, 3)})))
    {'size': (2, 3)}
    >>> read_pickle(io.BytesIO(pickle.dumps(print)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: it asks for builtins.print, which no file of weights needs, and nothing of it was run; ...
    """
    functions = functions or {}
    stack, marks, memo = [], [], {}

    def pop_to_mark():
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    def known(name):
        if name not in functions and name not in names:
            raise ValueError(
                f"it asks for {name}, which no file of weights needs, and nothing of it was run; "
                "torch.save(model.state_dict(), path) saves weights alone"
            )
        return Name(name)

    for opcode, argument, _ in pickletools.genops(stream):
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case name if name in VALUES:
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE" as name:
                stack.append(CONSTANTS[name])
            case "MARK":
                marks.append(len(stack))
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3" as name:
                length = int(name[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "TUPLE":
                stack.append(tuple(pop_to_mark()))
            case "EMPTY_LIST":
                stack.append([])
            case "LIST":
                stack.append(pop_to_mark())
            case "APPEND":
                item = stack.pop()
                stack[-1].append(item)
            case "APPENDS":
                items = pop_to_mark()
                stack[-1].extend(items)
            case "EMPTY_DICT":
                stack.append({})
            case "DICT":
                items = pop_to_mark()
                stack.append(make_dict(zip(items[::2], items[1::2], strict=True)))
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                stack[-1].update(make_dict([(key, value)]))
            case "SETITEMS":
                items = pop_to_mark()
                stack[-1].update(make_dict(zip(items[::2], items[1::2], strict=True)))
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(known(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                stack.append(known(".".join((module, name))))
            case "REDUCE":
                arguments, name = stack.pop(), stack.pop()
                if not isinstance(name, Name) or name not in functions:
                    raise ValueError(f"it calls {name if isinstance(name, Name) else 'what is no function'}")
                stack.append(functions[name](*arguments))
            case "BUILD":  # attributes: those of an OrderedDict are notes that PyTorch makes for itself
                stack.pop()
                if not isinstance(stack[-1], dict):
                    raise ValueError(f"it gives attributes to a {type(stack[-1]).__name__}")
            case "BINPERSID":
                stack.append(persistent_load(stack.pop()))
            case name:
                raise ValueError(f"it uses the instruction {name}, which no file of weights needs")
    raise ValueError("it has no end")


def make_dict(pairs=()):
    """A dict whose keys are texts or whole numbers; a tuple of tuples of tuples could take forever to hash."""
    pairs = list(pairs)
    for key, _ in pairs:
        if type(key) not in (str, int):
            raise ValueError(f"it has a dict with a {type(key).__name__} as a key")
    return dict(pairs)
