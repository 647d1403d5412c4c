import os
from pathlib import Path
from typing import Optional

from fastapi import Query

STORAGE = Path(os.environ["BASE"])


def requested_path(name: Optional[str] = Query(default="hello.txt", max_length=200)) -> Path:
    return STORAGE / name
