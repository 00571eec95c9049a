"""Conformance kit: does a system, driver, stepper, measure or learner of your own keep the rules of the library?

Each check raises AssertionError with a sentence that says what failed and what to do, so that one line makes a test:

    def test_my_system():
        cocycle.testing.check_system(my_system)
"""

from cocycle.testing.driver import check_driver
from cocycle.testing.learner import check_learner
from cocycle.testing.measure import check_measure
from cocycle.testing.stepper import check_stepper
from cocycle.testing.system import check_system

__all__ = ["check_driver", "check_learner", "check_measure", "check_stepper", "check_system"]
