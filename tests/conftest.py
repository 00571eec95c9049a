"""Strict JAX for all tests: 64 bit, no silent rank promotion, a compilation cache on disk."""

import contextlib
import ctypes
import gc
import os
import pathlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import pytest

import cocycle  # noqa: F401  (turns on 64 bit)

jax.config.update("jax_numpy_rank_promotion", "raise")
CACHE = pathlib.Path(__file__).parents[1] / ".jax_cache"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


MOST_MEMORY = 3e9


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_dropped():
    """Compiled programs of thousands of tests fill gigabytes; those on disk are read again where they are wanted."""
    yield
    if _resident() > MOST_MEMORY:
        jax.clear_caches()
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # glibc gives freed memory back when asked
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _resident() -> float:
    """Memory of this process [bytes]; 0 where the system does not tell."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def key(request):
    """A random key from the test's name, so that no seed is picked by hand."""
    import zlib

    return jax.random.key(zlib.crc32(request.node.nodeid.encode()))
