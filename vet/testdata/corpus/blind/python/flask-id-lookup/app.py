import os
import sqlite3

from flask import Flask, abort, g, send_from_directory

app = Flask(__name__)


def get_db():
    if "db" not in g:
        g.db = sqlite3.connect(":memory:")
        g.db.execute("CREATE TABLE document (id INTEGER PRIMARY KEY, stored TEXT NOT NULL)")
        g.db.execute("INSERT INTO document (stored) VALUES ('hello.txt')")
    return g.db


@app.route("/document/<int:doc_id>")
def document(doc_id):
    row = get_db().execute("SELECT stored FROM document WHERE id = ?", (doc_id,)).fetchone()
    if row is None:
        abort(404)
    return send_from_directory(os.environ["BASE"], row[0])
