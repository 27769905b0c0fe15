from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..features.name_hashes import MaskTable
from ..types import Floats2d

LANES: int
UNITS: int

def instruction_sets() -> List[str]: ...

class NameTables:
    def __init__(self, tables: Sequence[MaskTable], longest: int) -> None: ...

class Kernel:
    def __init__(
        self,
        sizes: Dict[str, int],
        arrays: Dict[str, np.ndarray],
        instruction_set: str = "",
    ) -> None: ...
    def emissions(
        self,
        texts: List[str],
        names: Optional[NameTables] = None,
        context: Optional[Floats2d] = None,
    ) -> Tuple[Floats2d, Floats2d]: ...
    def find(
        self,
        texts: List[str],
        names: Optional[NameTables] = None,
        context: Optional[Floats2d] = None,
    ) -> Tuple[List[Tuple[int, int, int, int, float]], List[List[float]]]: ...
