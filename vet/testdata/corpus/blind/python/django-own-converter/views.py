import os
import pathlib

from django.http import Http404, HttpResponse

ROOT = pathlib.Path(os.environ["BASE"])


def text(request, name):
    try:
        return HttpResponse((ROOT / name).read_bytes(), content_type="text/plain")
    except FileNotFoundError as e:
        raise Http404 from e
