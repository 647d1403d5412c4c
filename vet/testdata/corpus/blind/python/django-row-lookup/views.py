import os

from django.http import FileResponse, Http404

import repository


def document(request, pk):
    doc = repository.find(pk)
    if doc is None:
        raise Http404
    return FileResponse(open(os.path.join(os.environ["BASE"], doc.stored_as), "rb"), filename=doc.title)
