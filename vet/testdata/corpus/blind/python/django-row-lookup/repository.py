import sqlite3
from typing import NamedTuple, Optional


class Document(NamedTuple):
    title: str
    stored_as: str


_db = sqlite3.connect(":memory:", check_same_thread=False)
_db.executescript(
    """
    CREATE TABLE documents (id INTEGER PRIMARY KEY, title TEXT, stored_as TEXT);
    INSERT INTO documents VALUES (7, 'Greeting', 'hello.txt');
    """
)


def find(pk: int) -> Optional[Document]:
    row = _db.execute("SELECT title, stored_as FROM documents WHERE id = ?", (pk,)).fetchone()
    return Document(*row) if row else None
