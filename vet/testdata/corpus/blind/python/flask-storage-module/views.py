from flask import Blueprint, Response, abort

from params import want
from storage import Storage

bp = Blueprint("doc", __name__)
store = Storage()


@bp.route("/read")
def read():
    try:
        return Response(store.load(want("doc")), mimetype="text/plain")
    except FileNotFoundError:
        abort(404)
