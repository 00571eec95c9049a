"""Makes the systems of test_exponents importable from its neighbours."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
