"""Makes `.venv` and installs what one task needs: demo or test.

    python3 tools/make_venv.py demo

It runs on any Python 3, so that an old one gets a clear message. A stamp keeps
the content of the files that decide what is installed; while they do not
change, a second call does nothing.
"""

import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
TASKS = {"demo": ["demo.txt"], "test": ["demo.txt", "test.txt"]}


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in TASKS:
        return "Usage: python3 tools/make_venv.py " + "|".join(sorted(TASKS))
    problem = complaint_about_python()
    if problem:
        return problem
    task = arguments[0]
    stamp, content = VENV / (task + ".stamp"), digest(task)
    if stamp.exists() and stamp.read_text() == content:
        say(f"using .venv, which has what `make {task}` needs")
        return 0
    try:
        install(task)
    except subprocess.CalledProcessError as error:
        return (
            f"Setting up .venv failed (exit code {error.returncode}); the "
            "lines above say why. Is there a network, and space on the disk? "
            "`make clean` and the same command again start from nothing."
        )
    stamp.write_text(content)
    say("installed")
    return 0


def complaint_about_python():
    """Says what is wrong with the Python that runs this, or nothing."""
    if sys.version_info < OLDEST:
        return (
            "keras_lt needs Python {}.{} or newer, and {} is Python {}.{}. "
            "Install a newer one and name it: make demo PYTHON=python3.12"
        ).format(*OLDEST, sys.executable, *sys.version_info[:2])
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return (
            "This Python cannot make virtual environments. On Debian and "
            "Ubuntu: sudo apt install python{}.{}-venv"
        ).format(*sys.version_info[:2])
    return None


def digest(task):
    """Returns a line that changes with anything that decides the install."""
    state = hashlib.sha256(sys.version.encode())
    for path in files_of(task) + [ROOT / "pyproject.toml"]:
        state.update(path.read_bytes())
    return state.hexdigest() + "\n"


def files_of(task):
    return [ROOT / "requirements" / name for name in TASKS[task]]


def install(task):
    python = VENV / "bin" / "python"
    if not runs_like_this(python):
        say("making .venv with Python {}.{}".format(*sys.version_info[:2]))
        run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    requirements = files_of(task)[-1]
    say(f"installing {', '.join(packages(task))} (some minutes)")
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    # Python compiles what is imported then; most of all this never is.
    pip += ["--no-input", "--disable-pip-version-check", "--no-compile"]
    run(pip + ["-r", str(requirements)])
    say("installing keras_lt from this folder")
    run(pip + ["--no-deps", "--editable", str(ROOT)])


def packages(task):
    """Returns what is installed, as `name version`."""
    lines = "\n".join(path.read_text() for path in files_of(task)).split("\n")
    return [line.replace("==", " ") for line in lines if "==" in line]


def runs_like_this(python):
    """Tells whether `.venv` exists and was made with this version."""
    if not python.exists():
        return False
    code = "import sys; print(sys.version)"
    answer = subprocess.run([str(python), "-c", code], stdout=subprocess.PIPE)
    return answer.stdout.decode().strip() == sys.version.strip()


def run(command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def say(line):
    print("==> " + line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
