"""Spectra of five systems over 1,000 Lyapunov times: ours beside dysts' own estimator, which is timed on a part.

The five have a Jacobian in dysts, which its estimator needs. Both see the same averaging time and the same spacing of
samples as dt. dysts' cost is linear in the length, so that it runs over N_PART samples and its time is scaled. Then the
wall time of the records of the whole catalogue, as they were written.
"""

import time

import numpy as np

import cocycle as cc
from cocycle.systems import catalogue
from cocycle.systems.records import packaged_records

FIVE = {"lorenz63": "Lorenz", "rossler": "Rossler", "halvorsen": "Halvorsen", "arneodo": "Arneodo", "chen": "Chen"}
LYAPUNOV_TIMES = 1000.0
N_PART = 2000


def main() -> None:
    try:
        import dysts.flows as flows
        from dysts.analysis import find_lyapunov_exponents
    except ImportError as error:
        print(f"left out: dysts ({error})")
        flows = None
    ours = f"{'':12s} {'steps':>8s} {'cold s':>8s} {'warm s':>8s} {'largest':>18s}"
    print(f"{ours} {'dysts s':>9s} {'largest':>9s} {'ratio':>8s}")
    for name, theirs in FIVE.items():
        record = packaged_records()[name]
        system = catalogue[name].make()
        n_steps = int(LYAPUNOV_TIMES * record.lyapunov_time / record.dt)
        times = []
        for _ in range(2):
            began = time.perf_counter()
            spectrum = cc.lyapunov_spectrum(system, n_steps=n_steps, progress=False)
            times.append(time.perf_counter() - began)
        line = f"{name:12s} {n_steps:8d} {times[0]:8.2f} {times[1]:8.3f} {spectrum.maximal_exponent!s:>18s}"
        if flows is not None:
            model = getattr(flows, theirs)()
            per_period = max(20, round(model.period / record.dt))
            began = time.perf_counter()
            value = np.max(find_lyapunov_exponents(model, N_PART, pts_per_period=per_period))
            scaled = (time.perf_counter() - began) * n_steps / N_PART
            line += f" {scaled:9.1f} {value:9.3f} {scaled / times[1]:8.0f}"
        print(line)
    seconds = [record.seconds for record in packaged_records().values()]
    work = sum(seconds)
    print(f"{len(seconds)} records: {work:.0f} s of work, compilation included; on two workers {work / 2:.0f} s")


if __name__ == "__main__":
    main()
