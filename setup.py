"""What pyproject.toml cannot say: the module that Cython compiles."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SHORT_TEXT = Extension(
    "spacy_musicquery.features.short_text", ["spacy_musicquery/features/short_text.py"]
)
DIRECTIVES = {"annotation_typing": False, "wraparound": False}


class BuildIfPossible(build_ext):
    """Where there is no C compiler, Python runs the module as it is, more slowly."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # whatever compilers fail with
            self.warn(f"spacy_musicquery goes without its compiled module: {error}")
            # One from before would be used in place of the source.
            for path in Path("spacy_musicquery/features").glob("short_text.*"):
                if path.suffix in (".so", ".pyd"):
                    path.unlink()


setup(
    ext_modules=cythonize(
        [SHORT_TEXT], build_dir="build", compiler_directives=DIRECTIVES, force=True
    ),
    cmdclass={"build_ext": BuildIfPossible},
)
