"""What setup.cfg cannot say: the module that Cython compiles. Where there is no C compiler,
installing goes on without, and Python runs the module as it is."""

from Cython.Build import cythonize
from setuptools import Extension, setup

SHORT_TEXT = Extension(
    "spacy_musicquery.short_text", ["spacy_musicquery/short_text.py"], optional=True
)
DIRECTIVES = {"annotation_typing": False, "wraparound": False}

setup(
    ext_modules=cythonize([SHORT_TEXT], build_dir="build", compiler_directives=DIRECTIVES)
)
