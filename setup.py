"""Builds the optional compiled scan; everything else is in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup

extensions = cythonize(
    [Extension("vrrpwatch.capture.scan", ["vrrpwatch/capture/scan.py"], optional=True)],
    compiler_directives={"language_level": 3, "boundscheck": True, "wraparound": False, "initializedcheck": False},
)
setup(ext_modules=extensions)
