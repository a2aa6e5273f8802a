"""Cython extensions; everything else is in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    ext_modules=cythonize(
        [
            # optional: without a compiler the twin in chainkit/primitives/keccak.py serves
            Extension(
                "chainkit.primitives._keccak",
                ["chainkit/primitives/_keccak.pyx"],
                extra_compile_args=["-O3"],
                optional=True,
            ),
        ],
        language_level=3,
        build_dir="build/cython",
    ),
)
