"""minidl exercises | exercises show | exercises check"""

import shutil
import sys
import textwrap

DESCRIPTION = """\
Graded exercises: write an op or a function, and have it checked. Without an
action, lists them.
"""

EPILOG = """\
examples:
  minidl exercises
  minidl exercises show conv2d
  minidl exercises check conv2d conv2d.py
"""

CHECK = """\
Run the file, and check the class or function that the exercise asks for. The
exit status is 0 if it is right, 1 if it is wrong, and 2 if it cannot be run.
"""


def add_parser(commands):
    help = "write an op or a function, and have it checked"
    parser = commands.add_parser("exercises", help=help, description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=list_exercises)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    summary = "print the task and a frame to fill"
    showing = actions.add_parser("show", help=summary, description=summary.capitalize() + ".")
    showing.set_defaults(run=show)
    checking = actions.add_parser("check", help="check an answer", description=CHECK)
    checking.set_defaults(run=check)
    for action in (showing, checking):
        action.add_argument("name", metavar="NAME", help="a name from `minidl exercises`")
    checking.add_argument("file", metavar="FILE.py", help="the file with the answer")


def list_exercises(args):
    from minidl import exercises

    columns = shutil.get_terminal_size().columns
    for name in exercises.names():
        print(textwrap.fill(f"{name:24} {exercises.get(name).summary}", columns, subsequent_indent=" " * 25))


def show(args):
    from minidl import exercises

    exercises.show(args.name)


def check(args):
    from minidl import exercises

    wanted = exercises.get(args.name).answer_name
    names = _run_file(args.file)
    if wanted not in names:
        own = [name for name, value in names.items() if getattr(value, "__module__", None) == names["__name__"]]
        raise ValueError(
            f"{args.file} defines no {wanted}, but {', '.join(own) or 'nothing'}: call the answer {wanted}"
        )
    result = exercises.check(args.name, names[wanted])
    print(result)
    if not result:
        sys.exit(1)


def _run_file(path):
    """The names that a Python file defines; its errors are told with their line."""
    from minidl.exercises.result import error_in_answer

    with open(path, encoding="utf-8") as file:
        source = file.read()
    names = {"__name__": "answer", "__file__": path}
    try:
        exec(compile(source, path, "exec"), names)
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        raise ValueError(f"{path}, {error_in_answer(error, path)[0]}") from error
    return names
