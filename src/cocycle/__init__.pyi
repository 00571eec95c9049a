# Written out for editors and type checkers; tests/build compares it with the table in __init__.py.
from cocycle import core as core
from cocycle import data as data
from cocycle import gallery as gallery
from cocycle import learn as learn
from cocycle import measures as measures
from cocycle import operators as operators
from cocycle import stability as stability
from cocycle import steppers as steppers
from cocycle import systems as systems
from cocycle import testing as testing
from cocycle import training as training
from cocycle.core.drivers import (
    AbstractDriver as AbstractDriver,
)
from cocycle.core.drivers import (
    Brownian as Brownian,
)
from cocycle.core.drivers import (
    Clock as Clock,
)
from cocycle.core.drivers import (
    Joint as Joint,
)
from cocycle.core.drivers import (
    Keys as Keys,
)
from cocycle.core.drivers import (
    Minibatch as Minibatch,
)
from cocycle.core.drivers import (
    Recorded as Recorded,
)
from cocycle.core.drivers import (
    Still as Still,
)
from cocycle.core.errors import CocycleError as CocycleError
from cocycle.core.estimate import Estimate as Estimate
from cocycle.core.functions import Map as Map
from cocycle.core.functions import Recurrent as Recurrent
from cocycle.core.functions import map_system as map_system
from cocycle.core.functions import recurrent as recurrent
from cocycle.core.run import Status as Status
from cocycle.core.run import Trajectory as Trajectory
from cocycle.core.run import run as run
from cocycle.core.run import trajectory as trajectory
from cocycle.core.storage import load as load
from cocycle.core.sweep import sweep as sweep
from cocycle.core.system import (
    AbstractDifferentiableSystem as AbstractDifferentiableSystem,
)
from cocycle.core.system import (
    AbstractSystem as AbstractSystem,
)
from cocycle.core.system import (
    AbstractTangentSystem as AbstractTangentSystem,
)
from cocycle.core.system import (
    push as push,
)
from cocycle.learn import Comparison as Comparison
from cocycle.learn import compare as compare
from cocycle.report import Report as Report
from cocycle.report import Series as Series
from cocycle.report import read as read
from cocycle.report.document import report as report
from cocycle.stability import (
    Spectrum as Spectrum,
)
from cocycle.stability import (
    kaplan_yorke_dimension as kaplan_yorke_dimension,
)
from cocycle.stability import (
    lyapunov_spectrum as lyapunov_spectrum,
)
from cocycle.stability import (
    maximal_exponent as maximal_exponent,
)
from cocycle.stability import (
    regime as regime,
)
from cocycle.steppers import (
    DelayFlow as DelayFlow,
)
from cocycle.steppers import (
    Flow as Flow,
)
from cocycle.steppers import (
    ItoSDE as ItoSDE,
)
from cocycle.steppers import (
    StratonovichSDE as StratonovichSDE,
)
from cocycle.steppers import (
    delay_flow as delay_flow,
)
from cocycle.steppers import (
    flow as flow,
)
from cocycle.steppers import (
    ito_sde as ito_sde,
)
from cocycle.steppers import (
    stratonovich_sde as stratonovich_sde,
)

__version__: str
__all__: list[str]
