"""Branches of fixed points and cycles over a parameter, their bifurcations, cascades, charts and orbit diagrams."""

from cocycle.stability.continuation.branch import BifurcationKind, BifurcationPoint, Branch, BranchEnd
from cocycle.stability.continuation.branches import continue_cycle, continue_fixed_point, cycle_at_hopf, switch_branch
from cocycle.stability.continuation.cascade import Cascade, period_doubling_cascade
from cocycle.stability.continuation.chart import LyapunovChart, lyapunov_chart
from cocycle.stability.continuation.follow import StepSizes
from cocycle.stability.continuation.homoclinic import HomoclinicBracket, homoclinic_bracket
from cocycle.stability.continuation.orbit_diagram import Bifurcation, Sweep, bifurcation_diagram

__all__ = [
    "Bifurcation",
    "BifurcationKind",
    "BifurcationPoint",
    "Branch",
    "BranchEnd",
    "Cascade",
    "HomoclinicBracket",
    "LyapunovChart",
    "StepSizes",
    "Sweep",
    "bifurcation_diagram",
    "continue_cycle",
    "continue_fixed_point",
    "cycle_at_hopf",
    "homoclinic_bracket",
    "lyapunov_chart",
    "period_doubling_cascade",
    "switch_branch",
]
