"""The monitor: what it measures against dense matrices, what it costs, and that a killed run keeps its records."""

import importlib.util
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.core.errors import DataError, InsufficientDataError, OutputError, ParameterError
from cocycle.training import Problem, StabilityMonitor, gradient_noise_scale, read_run
from cocycle.training.callbacks import huggingface_callback, lightning_callback
from cocycle.training.live import LiveView, curve
from cocycle.training.run_file import RunFile, is_run
from cocycle.training.watching import BatchSharpness, GradientNoise, LossOnProbe, Setting, Sharpness, noise_scale_of

EPS = np.finfo(float).eps
NAMES = ("loss", "gradient_norm", "sharpness", "batch_sharpness", "exponent", "kernel_trace", "noise_scale")


def roundoff(n_ops):
    return 32 * EPS * n_ops


def apply(params, x):
    return params["w2"] @ jnp.tanh(params["w1"] @ x)


@pytest.fixture
def problem(key):
    k = jax.random.split(key, 4)
    params = {"w1": jax.random.normal(k[0], (5, 3)), "w2": jax.random.normal(k[1], (2, 5))}
    return Problem(apply, params, (jax.random.normal(k[2], (24, 3)), jax.random.normal(k[3], (24, 2))))


def dense_hessian(problem, batch):
    return np.asarray(_dense_hessian(problem, batch))


@eqx.filter_jit
def _dense_hessian(problem, batch):
    return jax.hessian(lambda t: problem.loss(problem.unflat(t), batch))(problem.flat(problem.params))


def test_what_is_recorded_is_what_dense_matrices_give(problem, tmp_path):
    """With all samples in the probe and in each batch, nothing is left to chance but the kernel's probes."""
    eta = 0.05
    with StabilityMonitor(problem, tmp_path / "run.sqlite", batch_size=24, learning_rate=eta, every=5) as monitor:
        for step in range(11):
            monitor(step, problem.params, accuracy=0.5)
    run = read_run(tmp_path / "run.sqlite")
    assert run.step.tolist() == [0, 5, 10]
    assert set(NAMES) <= set(run.quantities)
    batch = problem.data
    h, g = dense_hessian(problem, batch), np.asarray(problem.gradient(problem.params, batch))
    values, vectors = np.linalg.eigh(h)
    _, sharpness, residual = run.of("sharpness")
    assert np.all(np.abs(sharpness - values[-1]) <= residual)
    assert np.all(residual <= 1e-2 * np.abs(values).max())
    exact = g @ h @ g / (g @ g)
    assert np.abs(run.of("batch_sharpness")[1] - exact).max() < roundoff(len(g)) * values[-1]
    # Eight steps from (nearly) the top eigenvector; the residual of the vector allows its share of other directions.
    growth = math.log(abs(1 - eta * values[-1]))
    top = vectors[:, -1]
    assert abs(top @ h @ top - values[-1]) < roundoff(len(g)) * values[-1]
    assert np.all(np.abs(run.of("exponent")[1] - growth) < 2 * eta * residual + 0.05 * abs(growth))
    assert abs(run.of("loss")[1][0] - float(problem.loss(problem.params, batch))) < roundoff(24)
    assert abs(run.of("gradient_norm")[1][0] - np.linalg.norm(g)) < roundoff(24) * np.linalg.norm(g)
    j = np.asarray(problem.factors(problem.params, batch)).reshape(48, -1)  # squared loss: the Jacobian itself
    _, trace, stderr = run.of("kernel_trace")
    z = (np.mean(trace) - np.sum(j**2) / 48) / (np.sqrt(np.sum(stderr**2)) / 3)
    assert abs(z) < 7  # twelve probes: Student's t of about 9 degrees of freedom, one in ten thousand
    assert run.of("accuracy")[1].tolist() == [0.5] * 3
    assert run.about["n_params"] == len(g)
    assert monitor.n_records == 3
    assert "3 records" in monitor.summary()


@pytest.mark.slow  # 5 s: everything compiles again
def test_a_problem_in_single_precision_is_watched(problem, tmp_path):
    """Vectors of the algorithms are double; the problem's own products stay single."""
    single = Problem(apply, *jax.tree.map(lambda a: a.astype(jnp.float32), (problem.params, problem.data)))
    options = {"batch_size": 24, "learning_rate": 0.05, "every": 1}
    found = []
    for name, task in (("single", single), ("double", problem)):
        with StabilityMonitor(task, tmp_path / f"{name}.sqlite", **options) as monitor:
            monitor(0)
        found.append(read_run(tmp_path / f"{name}.sqlite"))
    assert found[0].quantities == found[1].quantities
    for name in ("loss", "gradient_norm", "batch_sharpness"):
        a, b = (run.of(name)[1][0] for run in found)
        assert abs(a - b) < 1e-4 * abs(b), name  # 24 samples and 3 layers of single-precision round-off, 6e-8 each


def test_batch_sharpness_of_single_samples(problem):
    """Batches of one: the mean over samples of g_i H_i g_i / |g_i|^2, by dense Hessians of each sample."""
    exact = []
    for i in range(24):
        batch = problem.batch(jnp.array([i]))
        g = np.asarray(problem.gradient(problem.params, batch))
        exact.append(g @ dense_hessian(problem, batch) @ g / (g @ g))
    setting = Setting(problem, math.nan, 1, np.arange(24), np.random.default_rng(0))
    setting.params = problem.params
    found = BatchSharpness(200).measure(setting)["batch_sharpness"]
    assert abs(found.value - np.mean(exact)) < 4.5 * found.stderr
    assert found.stderr < 2 * np.std(exact) / math.sqrt(200)


def test_noise_scale_of_gaussian_gradients(key):
    """Mean of size 3 in 50 dimensions, unit noise: B = 50 / 9. Its error bar holds over 200 data sets."""
    keys = jax.random.split(key, 200)
    draws = np.array(jax.vmap(lambda k: jax.random.normal(k, (100, 50)))(keys))
    draws[:, :, 0] += 3.0
    found = [noise_scale_of(rows) for rows in draws]
    z = np.array([(e.value - 50 / 9) / e.stderr for e in found])
    # The ratio's bias is O(1/n) of its value, a tenth of its error here.
    assert abs(np.mean(z)) < 4.5 / math.sqrt(200) + 0.2
    assert 0.5 < np.var(z) < 1.7
    flat = noise_scale_of(draws[0] - draws[0].mean(axis=0))
    assert math.isinf(flat.value)


def test_noise_scale_of_a_problem_is_that_of_its_gradients(problem):
    g = np.asarray(problem.per_sample_gradients(problem.params, problem.data))
    assert abs(gradient_noise_scale(problem).value - noise_scale_of(g).value) < roundoff(24) * 100
    spread = np.trace(np.cov(g.T))
    signal = np.sum(g.mean(axis=0) ** 2) - spread / 24
    assert abs(noise_scale_of(g).value - spread / signal) < roundoff(24) * abs(spread / signal)


@pytest.mark.parametrize("suffix", [".sqlite", ".parquet"])
def test_files_resume_and_refuse_to_be_overwritten(suffix, tmp_path, problem):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="parquet needs the extra 'files'")
    path = tmp_path / f"run{suffix}"
    options = {"batch_size": 4, "every": 2, "measures": (LossOnProbe(),)}
    with StabilityMonitor(problem, path, **options) as monitor:
        for step in range(4):
            monitor(step)
    with pytest.raises(OutputError, match="resume=True"):
        StabilityMonitor(problem, path, **options)
    with StabilityMonitor(problem, path, resume=True, **options) as monitor:
        for step in range(8):
            monitor(step)
    assert monitor.n_records == 2
    run = read_run(path)
    assert run.step.tolist() == [0, 2, 4, 6]
    assert np.all(np.diff(run.seconds) > 0)
    assert is_run(path)
    assert run.to_xarray()["values"].shape == (4, 2)


KILLED = """
import sys, jax.numpy as jnp
from cocycle.training import Problem, StabilityMonitor
from cocycle.training.watching import LossOnProbe
problem = Problem(lambda w, x: w * x, jnp.array(1.0), (jnp.arange(1.0, 9.0), jnp.zeros(8)))
options = {"batch_size": 2, "every": 1, "measures": (LossOnProbe(),), "live": False}
monitors = [StabilityMonitor(problem, path, **options) for path in sys.argv[1:]]
for step in range(10**6):
    for monitor in monitors:
        monitor(step)
    print(step, flush=True)
"""


def test_a_killed_run_keeps_all_that_was_recorded(tmp_path):
    """SIGKILL while it writes two files: each step that was reported is in both, and they can be added to."""
    suffixes = (".sqlite", ".parquet") if importlib.util.find_spec("pyarrow") else (".sqlite",)
    paths = [tmp_path / f"run{suffix}" for suffix in suffixes]
    command = [sys.executable, "-c", KILLED, *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                break
        assert min(len(read_run(path)) for path in paths) >= 21  # while it still writes
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        seen = 20 + len(process.stdout.read().split())
    assert process.returncode == -signal.SIGKILL
    for path in paths:
        run = read_run(path)
        assert run.step.tolist() == list(range(len(run)))
        assert len(run) >= seen + 1
        file = RunFile(path, {}, resume=True)
        file.append(10**7, 1.0, {"loss": (0.0, 0.0)})
        file.close()
        assert read_run(path).step[-1] == 10**7


def test_the_default_interval_keeps_to_the_budget(problem, tmp_path):
    """A loop of 1 ms steps: at a budget of 10 % the looks are spaced so that they cost no more than that."""
    monitor = StabilityMonitor(problem, tmp_path / "run.sqlite", batch_size=4, learning_rate=0.1, budget=0.1)
    for step in range(1500):
        time.sleep(1e-3)
        monitor(step)
    monitor.close()
    assert 2 <= monitor.n_records < 1000
    # Looks after the first cost at most a tenth of the time since the one before, but for their own variation.
    assert monitor.overhead < 0.2
    assert f"{100 * monitor.overhead:.1f} %" in monitor.summary()


def test_a_run_that_diverges_is_recorded_and_not_stopped(problem, tmp_path):
    bad = jax.tree.map(lambda a: a * jnp.nan, problem.params)
    with StabilityMonitor(problem, tmp_path / "run.sqlite", batch_size=4, learning_rate=0.1, every=1) as monitor:
        monitor(0, problem.params)
        monitor(1, bad)
        monitor(2, problem.params)
    run = read_run(tmp_path / "run.sqlite")
    assert run.of("loss")[0].tolist() == [0, 2]  # NaN is no number of a row, but the row is there
    assert run.step.tolist() == [0, 1, 2]
    assert run.of("sharpness")[0].tolist() == [0, 2]


def torch_run(tmp_path):
    torch = pytest.importorskip("torch", reason="the PyTorch adapter needs the extra 'torch'")
    from cocycle.training import TorchProblem

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    data = (torch.randn(16, 3).double(), torch.randn(16, 2).double())
    problem = TorchProblem(module, data)
    monitor = StabilityMonitor(problem, tmp_path / "run.sqlite", batch_size=4, learning_rate=0.1, every=1)
    return torch, module, data, problem, monitor


def test_a_pytorch_loop_is_watched_through_its_live_parameters(tmp_path):
    torch, module, (x, z), problem, monitor = torch_run(tmp_path)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    losses = []
    for step in range(3):
        losses.append(float(problem.loss(problem.live_params(), problem.data)))
        monitor(step)
        optimiser.zero_grad()
        (0.5 * ((module(x) - z) ** 2).sum(dim=1)).mean().backward()
        optimiser.step()
    monitor.close()
    run = read_run(tmp_path / "run.sqlite")
    assert np.abs(run.of("loss")[1] - losses).max() < roundoff(16)
    assert losses[2] < losses[0]
    assert set(NAMES) <= set(run.quantities)


def test_the_callback_of_hugging_face(tmp_path):
    transformers = pytest.importorskip("transformers", reason="the callback needs the extra 'transformers'")
    torch, module, _, _, monitor = torch_run(tmp_path)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.25)
    handler = transformers.trainer_callback.CallbackHandler(
        [huggingface_callback(monitor)], module, None, optimiser, None
    )
    state, control = transformers.TrainerState(), transformers.TrainerControl()
    for step in (1, 2):
        state.global_step = step
        handler.on_step_end(None, state, control)
    handler.on_train_end(None, state, control)
    run = read_run(tmp_path / "run.sqlite")
    assert run.step.tolist() == [1, 2]
    assert run.of("learning_rate")[1].tolist() == [0.25, 0.25]
    assert monitor.ended is not None


def test_the_callback_of_lightning_is_called_in_its_way(tmp_path):
    torch, module, _, _, monitor = torch_run(tmp_path)

    class Trainer:
        global_step = 7
        optimizers = (torch.optim.SGD(module.parameters(), lr=0.5),)

    callback = lightning_callback(monitor)
    callback.on_train_batch_end(Trainer(), module, None, None, 0)
    callback.on_train_end(Trainer(), module)
    assert read_run(tmp_path / "run.sqlite").of("learning_rate")[1].tolist() == [0.5]


def test_the_live_table_says_what_is_beyond_its_limit(capsys):
    view = LiveView(True, "run.sqlite")
    view.show(3, {"sharpness": (25.0, 0.1), "exponent": (-0.1, 0.01), "learning_rate": (0.1, 0.0)})
    view.show(4, {"sharpness": (15.0, 0.1), "exponent": (0.2, 0.01), "learning_rate": (0.1, 0.0)})
    view.close("2 records")
    printed = capsys.readouterr().err
    assert "2/η = 20" in printed
    assert "█▁" in printed
    assert "2 records" in printed
    assert curve([]) == ""
    LiveView(False, "").close("nothing")
    assert capsys.readouterr().err == ""


def not_a_run(tmp_path, name, content):
    path = pathlib.Path(tmp_path) / name
    path.write_bytes(content)
    return path


BAD = [
    (lambda p, t: StabilityMonitor(p, t / "a.sqlite", batch_size=25), ParameterError, "smaller batch"),
    (lambda p, t: StabilityMonitor(p, t / "a.sqlite", batch_size=0), ParameterError, "batch_size"),
    (lambda p, t: StabilityMonitor(p, t / "a.sqlite", batch_size=4, learning_rate=-1.0), ParameterError, "positive"),
    (lambda p, t: StabilityMonitor(p, t / "a.sqlite", batch_size=4, budget=1.5), ParameterError, "budget"),
    (lambda p, t: StabilityMonitor(p, t / "a.sqlite", batch_size=4, every=0), ParameterError, "every"),
    (lambda p, t: StabilityMonitor(p, t / "a.csv", batch_size=4), OutputError, "suffix"),
    (lambda p, t: StabilityMonitor(p, t / "no" / "a.sqlite", batch_size=4), OutputError, "make it first"),
    (lambda p, t: read_run(t / "none.sqlite"), DataError, "no file"),
    (lambda p, t: read_run(not_a_run(t, "x.sqlite", b"text")), DataError, "not SQLite"),
    (lambda p, t: read_run(not_a_run(t, "x.parquet", b"text")), DataError, "not parquet"),
    (lambda p, t: noise_scale_of(np.ones((3, 2))), InsufficientDataError, "at least 4"),
    (lambda p, t: Sharpness(1), ParameterError, "n_products"),
    (lambda p, t: GradientNoise(2), ParameterError, "n_samples"),
]


@pytest.mark.parametrize(("call", "kind", "words"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused(call, kind, words, problem, tmp_path):
    with pytest.raises(kind, match=words):
        call(problem, tmp_path)


def test_another_programs_sqlite_is_no_run(tmp_path):
    import sqlite3

    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE run (key TEXT, value TEXT)")
        connection.execute("INSERT INTO run VALUES ('format', ?)", [json.dumps("other")])
    connection.close()
    assert not is_run(path)
    with pytest.raises(DataError, match="StabilityMonitor"):
        read_run(path)
