"""What setup.cfg cannot say: the modules that Cython compiles, and archives that are the same
whenever and wherever they are built."""

import gzip
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

# What debuggers read holds the folder of the build, and is most of the size. The others let
# the compiler make vectors of loops: no result depends on traps or on errno.
GCC_ARGUMENTS = ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"]
KERNEL = Extension(
    "spacy_musicquery.ml.kernel",
    [
        "spacy_musicquery/ml/kernel.pyx",
        *(
            f"spacy_musicquery/ml/csrc/{n}.c"
            for n in ("tagger", "rows", "network", "chain")
        ),
    ],
    depends=[f"spacy_musicquery/ml/csrc/{n}.h" for n in ("tagger", "network_body")],
    extra_compile_args=["/O2"] if sys.platform == "win32" else GCC_ARGUMENTS,
)
# Python that Cython compiles as it is.
LINKING = [
    Extension(
        f"spacy_musicquery.linking.{name}",
        [f"spacy_musicquery/linking/{name}.py"],
        extra_compile_args=[] if sys.platform == "win32" else GCC_ARGUMENTS,
    )
    for name in ("search", "entry_table", "readings", "score")
]
LINKING_DIRECTIVES = {
    "annotation_typing": False,
    "wraparound": False,
    "initializedcheck": False,
}
COMPILED = [KERNEL, *LINKING]


class BuildIfPossible(build_ext):
    """Where there is no C compiler, numpy and Python do the same, more slowly."""

    def finalize_options(self) -> None:
        super().finalize_options()
        # All at once, where there is more than one processor: most of the time of an
        # installation is the compiler's.
        if self.parallel is None:
            self.parallel = len(COMPILED)

    def run(self) -> None:
        try:
            # Here, as pip asks for metadata and the like in runs of their own.
            for extensions, directives in ((LINKING, LINKING_DIRECTIVES), ([KERNEL], {})):
                translated = cythonize(
                    extensions,
                    build_dir="build",
                    compiler_directives=directives,
                    force=True,
                )
                for extension, in_c in zip(extensions, translated):
                    extension.sources = in_c.sources
            super().run()
        except Exception as error:  # whatever compilers fail with
            self.warn(f"spacy_musicquery goes without its compiled modules: {error}")
            # Those from before would be used in place of the sources.
            for extension in COMPILED:
                *folder, name = extension.name.split(".")
                for path in Path(*folder).glob(f"{name}.*"):
                    if path.suffix in (".so", ".pyd"):
                        path.unlink()


class ReproducibleSdist(sdist):
    """With SOURCE_DATE_EPOCH, an archive without the times and the owner of its files."""

    def make_archive(self, base_name: Any, format: str, *args: Any, **kwargs: Any) -> str:
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None or format != "gztar":
            return super().make_archive(base_name, format, *args, **kwargs)
        folder = Path(kwargs["base_dir"])
        path = Path(f"{base_name}.tar.gz")
        path.parent.mkdir(parents=True, exist_ok=True)

        def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.mtime = int(epoch)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            return member

        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", mtime=int(epoch), fileobj=raw) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for file in [folder, *sorted(folder.rglob("*"))]:
                archive.add(file, recursive=False, filter=plain)
        return str(path)


setup(
    ext_modules=COMPILED,
    cmdclass={"build_ext": BuildIfPossible, "sdist": ReproducibleSdist},
)
