import os
import re
import stat

from flask import Flask, Response, abort

app = Flask(__name__)
DIRFD = os.open(os.environ["BASE"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}")


@app.route("/raw/<path:name>")
def raw(name):
    if NAME.fullmatch(name) is None:
        abort(404)
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=DIRFD)
    except OSError:
        abort(404)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        abort(404)
    return Response(os.fdopen(fd, "rb"), mimetype="application/octet-stream")
