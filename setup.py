"""Builds the optional compiled scan; everything else is in pyproject.toml.

Without Cython or a C compiler the package installs all the same, and the scan runs as the Python it is written in.
"""

from setuptools import Extension, setup

try:
    from Cython.Build import cythonize
except ImportError:
    cythonize = None

# The input is hostile, so every index stays checked; only what cannot matter to safety is switched off.
DIRECTIVES = {"language_level": 3, "boundscheck": True, "wraparound": False, "initializedcheck": False}
COMPILED = ("vrrpwatch.capture.scan", "vrrpwatch.capture.fingerprint", "vrrpwatch.capture.ring")

extensions = [Extension(name, [name.replace(".", "/") + ".py"]) for name in COMPILED]
modules = cythonize(extensions, build_dir="build", compiler_directives=DIRECTIVES) if cythonize else []
for module in modules:
    # Said of what cythonize returns, because it does not pass this on.
    module.optional = True
setup(ext_modules=modules)
