"""Whole processes: `import cocycle` beside `import jax`, and `cocycle report lorenz63` cold and warm."""

import os
import statistics
import subprocess
import sys
import tempfile
import time


def seconds(command: list[str], **environment: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    jax, ours = [], []
    for _ in range(7):
        jax.append(seconds([sys.executable, "-c", "import jax"]))
        ours.append(seconds([sys.executable, "-c", "import cocycle"]))
    ratio = statistics.median(b / a for a, b in zip(jax, ours, strict=True))
    a, b = statistics.median(jax), statistics.median(ours)
    print(f"\nimport jax {a:.2f} s, import cocycle {b:.2f} s, ratio {ratio:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cocycle", "report", "lorenz63", "--out", f"{folder}/out", "--quiet"]
        cold = seconds(command, COCYCLE_CACHE_DIR=f"{folder}/cache")
        warm = [seconds(command, COCYCLE_CACHE_DIR=f"{folder}/cache") for _ in range(3)]
    print(f"cocycle report lorenz63: first {cold:.1f} s, afterwards {statistics.median(warm):.1f} s")
