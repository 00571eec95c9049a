"""`python -m benchmarks [NAME ...]`: run the workloads, print tables, keep them as JSON beside this file.

A contender that is not installed is left out and named.
"""

import importlib
import json
import pathlib
import platform
import sys

from benchmarks.timing import compare

NAMES = [
    "lyapunov_lorenz63",
    "lyapunov_lorenz96",
    "trajectory_rk4",
    "trajectory_adaptive",
    "taylor_work_precision",
    "taylor_costs",
    "taylor_energy",
    "taylor_switches",
    "delay_orbit",
    "start_up",
    "catalogue_spectra",
    "dataset",
    "operators_hessian",
    "monitor_overhead",
    "noise_ensemble",
    "sgd_exponent",
    "ftle_double_gyre",
    "ftle_pyftle",
    "covariant_lorenz96",
    "basins_pendulum",
    "reservoir",
    "sindy_lorenz",
    "dmd_modes",
    "plrnn_epoch",
]


def run(name: str) -> dict:
    module = importlib.import_module(f"benchmarks.{name}")
    if not hasattr(module, "CONTENDERS"):
        module.main()
        return {}
    contenders = []
    for make in module.CONTENDERS:
        try:
            contenders.append(make())
        except ImportError as error:
            print(f"left out: {make.__name__} ({error})")
    title, unit, per = module.WORK
    return compare(title, contenders, unit=unit, per=per)


def main() -> None:
    names = sys.argv[1:] or NAMES
    if unknown := set(names) - set(NAMES):
        raise SystemExit(f"unknown benchmark {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    results = {name: run(name) for name in names}
    file = pathlib.Path(__file__).with_name("results.json")
    kept = json.loads(file.read_text()) if file.exists() else {}
    kept.update({k: v for k, v in results.items() if v}, machine=f"{platform.machine()}, {platform.system()}")
    file.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
