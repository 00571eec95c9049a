"""Lyapunov spectra with error bars, and what they say of an orbit; fixed points, cycles, branches and basins."""

import importlib
from typing import TYPE_CHECKING, Any

from cocycle.stability.covariant import covariant_vectors
from cocycle.stability.exponents import lyapunov_spectrum, maximal_exponent
from cocycle.stability.frames import tangent_map
from cocycle.stability.oseledets import CovariantVectors
from cocycle.stability.regime import Regime, Verdict, flat_orbit, regime
from cocycle.stability.spectrum import Spectrum, kaplan_yorke_dimension

if TYPE_CHECKING:
    from cocycle.stability.basins import (
        Attractor,
        BasinContinuation,
        BasinEntropy,
        BasinFractions,
        Basins,
        Features,
        Recurrences,
        Tipping,
        UncertaintyExponent,
        basin_entropy,
        basin_fractions,
        continue_basins,
        uncertainty_exponent,
    )
    from cocycle.stability.continuation import (
        Bifurcation,
        BifurcationKind,
        BifurcationPoint,
        Branch,
        BranchEnd,
        Cascade,
        HomoclinicBracket,
        LyapunovChart,
        StepSizes,
        Sweep,
        bifurcation_diagram,
        continue_cycle,
        continue_fixed_point,
        cycle_at_hopf,
        homoclinic_bracket,
        lyapunov_chart,
        period_doubling_cascade,
        switch_branch,
    )
    from cocycle.stability.cycles import (
        PeriodicOrbit,
        SectionPoints,
        Stabilised,
        periodic_orbit,
        periodic_orbits,
        poincare_section,
    )
    from cocycle.stability.equilibria import (
        FixedPoint,
        FixedPoints,
        Guarantee,
        IntervalNewton,
        Kind,
        Multistart,
        fixed_points,
    )

# Loaded on first use: a spectrum does not need them.
_LATER = {
    "Attractor": "basins",
    "BasinContinuation": "basins",
    "BasinEntropy": "basins",
    "BasinFractions": "basins",
    "Basins": "basins",
    "Bifurcation": "continuation",
    "BifurcationKind": "continuation",
    "BifurcationPoint": "continuation",
    "Branch": "continuation",
    "BranchEnd": "continuation",
    "Cascade": "continuation",
    "Features": "basins",
    "FixedPoint": "equilibria",
    "FixedPoints": "equilibria",
    "Guarantee": "equilibria",
    "HomoclinicBracket": "continuation",
    "IntervalNewton": "equilibria",
    "Kind": "equilibria",
    "LyapunovChart": "continuation",
    "Multistart": "equilibria",
    "PeriodicOrbit": "cycles",
    "Recurrences": "basins",
    "SectionPoints": "cycles",
    "Stabilised": "cycles",
    "StepSizes": "continuation",
    "Sweep": "continuation",
    "Tipping": "basins",
    "UncertaintyExponent": "basins",
    "basin_entropy": "basins",
    "basin_fractions": "basins",
    "bifurcation_diagram": "continuation",
    "continue_basins": "basins",
    "continue_cycle": "continuation",
    "continue_fixed_point": "continuation",
    "cycle_at_hopf": "continuation",
    "fixed_points": "equilibria",
    "homoclinic_bracket": "continuation",
    "lyapunov_chart": "continuation",
    "period_doubling_cascade": "continuation",
    "periodic_orbit": "cycles",
    "periodic_orbits": "cycles",
    "poincare_section": "cycles",
    "switch_branch": "continuation",
    "uncertainty_exponent": "basins",
}

__all__ = [
    "Attractor",
    "BasinContinuation",
    "BasinEntropy",
    "BasinFractions",
    "Basins",
    "Bifurcation",
    "BifurcationKind",
    "BifurcationPoint",
    "Branch",
    "BranchEnd",
    "Cascade",
    "CovariantVectors",
    "Features",
    "FixedPoint",
    "FixedPoints",
    "Guarantee",
    "HomoclinicBracket",
    "IntervalNewton",
    "Kind",
    "LyapunovChart",
    "Multistart",
    "PeriodicOrbit",
    "Recurrences",
    "Regime",
    "SectionPoints",
    "Spectrum",
    "Stabilised",
    "StepSizes",
    "Sweep",
    "Tipping",
    "UncertaintyExponent",
    "Verdict",
    "basin_entropy",
    "basin_fractions",
    "bifurcation_diagram",
    "continue_basins",
    "continue_cycle",
    "continue_fixed_point",
    "covariant_vectors",
    "cycle_at_hopf",
    "fixed_points",
    "flat_orbit",
    "homoclinic_bracket",
    "kaplan_yorke_dimension",
    "lyapunov_chart",
    "lyapunov_spectrum",
    "maximal_exponent",
    "period_doubling_cascade",
    "periodic_orbit",
    "periodic_orbits",
    "poincare_section",
    "regime",
    "switch_branch",
    "tangent_map",
    "uncertainty_exponent",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value
