"""Bad input through the command line: one clear line on stderr, a code that is not zero, no file left behind."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from cocycle.cli import main

HEAD = "import cocycle as cc\nimport jax.numpy as jnp\n"
GOOD = HEAD + "s = cc.Map(lambda x, a: a['r'] * x * (1 - x), {'r': 3.9}, x0=0.3)\n"
RISING = "t,x\n" + "".join(f"{k},{(7 * k) % 11}\n" for k in range(300))

# Files that the cases find in their directory: name -> text or bytes.
FILES = {
    "empty.csv": "",
    "head.csv": "t,x\n",
    "two.csv": "t,left,right\n0,1,2\n1,2,1\n2,4,3\n",
    "words.csv": "x\none\ntwo\nthree\n",
    "mixed.csv": "t,x\n0,1\n1,two\n2,3\n",
    "gaps.csv": "t,x\n0,1\n1,\n2,nan\n3,1\n",
    "uneven.csv": "t,x\n0,1\n1,2\n3,1\n7,2\n",
    "unsorted.csv": "t,x\n0,1\n2,2\n1,1\n3,2\n",
    "dates.csv": "date,x\n2001-01-01,1\n2001-01-02,2\n2001-01-05,1\n",
    "short.csv": "x\n" + "".join(f"{(k * k) % 17}\n" for k in range(100)),
    "laser.csv": RISING,
    "binary.csv": bytes(range(256)),
    "bad.npy": "no array",
    "bad.npz": "no arrays",
    "bad.nc": "no netcdf",
    "bad.parquet": "no parquet",
    "data.xyz": "1\n2\n",
    "good.py": GOOD,
    "none.py": "x = 3\n",
    "many.py": GOOD + "other = cc.Map(lambda x, a: x, x0=0.1)\n",
    "syntax.py": HEAD + "def f(:\n",
    "raises.py": HEAD + "\n1 / 0\n",
    "imports.py": "import no_such_package\n",
    "exits.py": "import sys\nsys.exit(3)\n",
    "class.py": HEAD
    + "class Mine(cc.AbstractSystem):\n    dt = 1.0\n    x0 = 0.0\n    def step(self, x, w):\n        return x\n",
    "shape.py": HEAD + "s = cc.Map(lambda x, a: jnp.stack([x, x]), x0=0.3)\n",
    "field.py": HEAD + "s = cc.Flow(lambda t, y, a: y[:2], dt=0.1, x0=[1.0, 2.0, 3.0])\n",
    "dtneg.py": HEAD + "s = cc.Flow(lambda t, y, a: -y, dt=-0.1, x0=1.0)\n",
    "later.py": HEAD + "def f(x, a):\n    return x * undefined\ns = cc.Map(f, x0=0.3)\n",
    "grows.py": HEAD + "s = cc.Map(lambda x, a: 3 * x, x0=0.3)\n",
    "nostart.py": HEAD + "s = cc.Map(lambda x, a: 3 * x)\n",
    "nan.py": HEAD + "s = cc.Map(lambda x, a: 0.5 * x, x0=float('nan'))\n",
    "words.py": HEAD + "s = 'not a system'\n",
}

CASES = {
    # options and names
    "unknown command": ("repot lorenz63", "did you mean report"),
    "no source": ("report", "Missing argument"),
    "unknown option": ("report lorenz63 --stepz 3", "--steps"),
    "steps not a number": ("report lorenz63 --steps many", "--steps"),
    "unknown system": ("report lorentz63", "did you mean 'lorenz63'"),
    "unknown system shown": ("show lorentz63", "did you mean 'lorenz63'"),
    "unknown field": ("list --field climat", "did you mean 'climate'"),
    "unknown parameter": ("report lorenz63 --set roh=3", "did you mean 'rho'"),
    "set without value": ("report lorenz63 --set rho", "NAME=VALUE"),
    "set with a word": ("report lorenz63 --set rho=big", "'big' is not a number"),
    "set with nan": ("report lorenz63 --set rho=nan", "finite"),
    "set twice": ("report lorenz63 --set rho=1 --set rho=2", "twice"),
    "sweep malformed": ("report lorenz63 --sweep rho=1", "NAME=START:STOP:N"),
    "sweep of nothing": ("report lorenz63 --steps 300 --sweep rhu=0:1:3", "did you mean 'rho'"),
    "sweep of one point": ("report lorenz63 --sweep rho=2:2:9", "two different"),
    "sweep count": ("report lorenz63 --sweep rho=0:1:2.5", "whole"),
    "x0 malformed": ("report lorenz63 --x0 1,,3", "--x0 1,2,3"),
    "x0 too short": ("report lorenz63 --x0 1,2", "the state has 3"),
    "x0 with inf": ("report lorenz63 --x0 1,2,inf", "finite"),
    "zero steps": ("report lorenz63 --steps 0", "at least 1"),
    "too few steps": ("report lorenz63 --steps 10", "Take more steps"),
    "negative duration": ("report lorenz63 --duration -3", "positive"),
    "steps and duration": ("report lorenz63 --steps 500 --duration 3", "not both"),
    "negative dt": ("report lorenz63 --dt -0.01", "positive"),
    "dt too large": ("report lorenz63 --dt 1 --steps 500", "smaller dt"),
    "negative seed": ("report lorenz63 --seed -1", "--seed"),
    "column of a system": ("report lorenz63 --column x", "data file"),
    "steps of data": ("report laser.csv --steps 9", "belong to a system"),
    # data files
    "missing file": ("report lazer.csv", "did you mean laser.csv"),
    "directory": ("report folder.csv", "is a directory"),
    "empty file": ("report empty.csv", "is empty"),
    "header only": ("report head.csv", "no rows"),
    "binary": ("report binary.csv", "binary file"),
    "unknown suffix": ("report data.xyz", "is not one of"),
    "bad npy": ("report bad.npy", "cannot be read"),
    "bad npz": ("report bad.npz", "cannot be read"),
    "bad netcdf": ("report bad.nc", "cannot be read"),
    "bad parquet": ("report bad.parquet", "cannot be read"),
    "several columns": ("report two.csv", "left, right"),
    "wrong column": ("report two.csv --column rigth", "did you mean 'right'"),
    "no numbers": ("report words.csv", "no column of numbers"),
    "a word in a column": ("report mixed.csv --column x", "row 2 holds 'two'"),
    "missing values": ("report gaps.csv", "2 missing or infinite values, the first in row 2"),
    "uneven times": ("report uneven.csv", "resample"),
    "times that fall": ("report unsorted.csv", "sort the rows"),
    "uneven dates": ("report dates.csv", "resample"),
    "too short": ("report short.csv", "at least 201 are needed"),
    "three numbers": ("report tiny.npy", "at least 201 are needed"),
    "complex numbers": ("report complex.npy", "real"),
    "cube": ("report cube.npy", "shape (3, 3, 3)"),
    "pickled": ("report object.npy", "cannot be read"),
    "dt of data": ("report laser.csv --dt 0", "positive"),
    # user files
    "missing user file": ("report god.py", "did you mean good.py"),
    "no system": ("report none.py", "defines no system"),
    "several systems": ("report many.py", "many.py:other"),
    "missing object": ("report good.py:t", "no object 't'"),
    "object of another kind": ("report words.py:s", "is a str, not a system"),
    "class, not object": ("report class.py:Mine", "call it"),
    "syntax error": ("report syntax.py", "syntax.py, line 3: syntax error"),
    "error at import": ("report raises.py", "raises.py, line 4: ZeroDivisionError"),
    "import of nothing": ("report imports.py", "no_such_package"),
    "file that exits": ("report exits.py", "sys.exit"),
    "step of another shape": ("report shape.py", "must be alike"),
    "field of another shape": ("report field.py", "field.py, line 3"),
    "negative dt in a file": ("report dtneg.py", "dt must be positive"),
    "name error in a step": ("report later.py --steps 300", "later.py, line 4: NameError"),
    "explosion": ("report grows.py --steps 5000", "explodes"),
    "no initial state": ("report nostart.py", "--x0"),
    "initial state nan": ("report nan.py --steps 300", "finite initial state"),
    # output
    "file in the way": ("report good.py --out laser.csv", "in the way"),
    "file in the way of a parent": ("report good.py --out laser.csv/deep/er", "in the way"),
    "unknown output suffix": ("simulate lorenz63 -o orbit.doc", "is not one of"),
    "no output": ("simulate lorenz63", "--output"),
    "output directory missing": ("simulate lorenz63 -o no/where.csv", "make it first"),
    "output is a directory": ("simulate lorenz63 -o folder.csv", "is a directory"),
    "stride beyond the end": ("simulate lorenz63 -o a.csv --steps 5 --save-every 9", "nothing would be saved"),
    "simulate data": ("simulate laser.csv -o a.csv", "catalogue"),
    "exploding simulation": ("simulate grows.py -o a.csv --steps 5000", "explodes"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, content in FILES.items():
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.csv").mkdir()
    np.save(tmp_path / "tiny.npy", np.arange(3.0))
    np.save(tmp_path / "complex.npy", np.ones(300, complex))
    np.save(tmp_path / "cube.npy", np.ones((3, 3, 3)))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def judge(code, out, err, message):
    """One line that begins with the program, holds the remedy, and is no traceback."""
    assert code in (1, 2), err
    assert out == ""
    assert err.startswith("cocycle: error: ")
    assert err.splitlines(keepends=True) == [err]
    assert err.endswith("\n")
    assert message in err
    assert "Traceback" not in err
    assert "internal" not in err


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line(case, folder, capsys):
    command, message = CASES[case]
    before = tree(folder)
    code = main(command.split())
    out, err = capsys.readouterr()
    judge(code, out, err, message)
    assert tree(folder) == before


@pytest.mark.parametrize("case", ["unknown system", "wrong column", "error at import"])
def test_the_same_from_a_shell(case, folder):
    command, message = CASES[case]
    before = tree(folder)
    program = "import sys; from cocycle.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-c", program, *command.split()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=environment, check=False)
    judge(done.returncode, done.stdout, done.stderr, message)
    assert tree(folder) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(folder, capsys):
    locked = pathlib.Path("locked")
    locked.mkdir(mode=0o500)
    code = main(["report", "good.py", "--out", "locked/out"])
    out, err = capsys.readouterr()
    judge(code, out, err, "permission denied")


def test_constant_series_is_said_to_be_constant(folder, capsys):
    # Not an error: a constant series has a regime. All else is refused with that reason.
    np.save("flat.npy", np.ones(300))
    code = main(["report", "flat.npy", "--out", "flat"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert "constant" in out


def test_disk_that_fails_while_writing_leaves_nothing(folder, capsys, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    before = tree(folder)
    code = main(["simulate", "good.py", "-o", "a.csv", "--steps", "50"])
    out, err = capsys.readouterr()
    judge(code, out, err, "No space left")
    assert tree(folder) == before
