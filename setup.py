"""Cython extensions; everything else is in pyproject.toml.

All of them are optional: where there is no compiler, or one that does not know the flags of an
engine, the build goes on without it and a slower twin serves.
"""

import os
import platform
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SIGVERIFY = "chainkit/sigverify"
SHARED = [
    f"{SIGVERIFY}/{name}" for name in ("_scalars.pxi", "_curve.pxi", "_batch.pxi", "_field.h")
]
LANES = [f"{SIGVERIFY}/{name}" for name in ("_lanes.pxi", "_vector_avx2.h", "_vector_ifma.h")]
AVX2 = ["-mavx2", "-mfma", "-mbmi2"]
IFMA = [*AVX2, *(f"-mavx512{part}" for part in ("f", "vl", "dq", "bw", "ifma"))]
ONLY = os.environ.get("ISTHMUS_EXTENSION", "")
"""Module to build alone and with little optimization, for a test of its sources."""
SANITIZERS = os.environ.get("ISTHMUS_SANITIZE", "").split()


def extension(module: str, *flags: str, depends: list[str] | None = None) -> Extension:
    """Return an extension module with its own compiler flags."""
    return Extension(
        module,
        [module.replace(".", "/") + ".pyx"],
        extra_compile_args=[
            "-O3",
            "-fno-tree-vectorize",
            "-fno-tree-slp-vectorize",
            *flags,
            *SANITIZERS,
            *(["-O1"] if ONLY else []),
        ],
        extra_link_args=SANITIZERS,
        depends=depends or [],
    )


def engine(name: str, *flags: str) -> Extension:
    """Return one ed25519 engine: chosen at run time, so no flag is for this machine alone."""
    return extension(f"chainkit.sigverify.{name}", *flags, depends=SHARED + LANES)


engines = [engine("_portable"), engine("_ifma_emulated", "-DSIGVERIFY_EMULATED")]
if platform.machine() in {"x86_64", "AMD64"}:
    engines += [engine("_avx2", *AVX2), engine("_ifma", *IFMA)]

plain = [
    extension(".".join(path.with_suffix("").parts))
    for path in sorted(Path("chainkit").rglob("*.pyx"))
    if path.parent != Path(SIGVERIFY)
]

modules = cythonize(
    [module for module in (*plain, *engines) if ONLY in {"", module.name}],
    language_level=3,
    build_dir="build/cython",
)
for module in modules:
    # said here, since cythonize makes the extensions anew and forgets it
    module.optional = True

setup(
    ext_modules=modules,
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
