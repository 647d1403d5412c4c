import contextlib
import os
import stat

ROOT_FD = os.open(os.environ["BASE"], os.O_PATH | os.O_DIRECTORY)


def open_beneath(root_fd, name):
    """Opens a regular file beneath root_fd without ever following a link."""
    parts = name.split("/")
    if any(p in ("", ".", "..") or "\0" in p for p in parts):
        raise FileNotFoundError(name)
    with contextlib.ExitStack() as stack:
        fd = root_fd
        for part in parts[:-1]:
            fd = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            stack.callback(os.close, fd)
        leaf = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
    if not stat.S_ISREG(os.fstat(leaf).st_mode):
        os.close(leaf)
        raise FileNotFoundError(name)
    return os.fdopen(leaf, "rb")


def application(environ, start_response):
    try:
        f = open_beneath(ROOT_FD, environ["PATH_INFO"].lstrip("/"))
    except OSError:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found\n"]
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return f
