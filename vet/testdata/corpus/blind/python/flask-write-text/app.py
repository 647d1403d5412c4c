import os
from pathlib import Path

from flask import Flask, request

app = Flask(__name__)


class Notes:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, title: str, text: str) -> None:
        slug = title.lower().replace(" ", "-")
        (self.folder / f"{slug}.md").write_text(text)


notes = Notes(Path(os.environ["BASE"]))


@app.post("/notes")
def save():
    notes.save(request.form["title"], request.form.get("text", ""))
    return "", 201
