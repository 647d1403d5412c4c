import os

from django.core.files.storage import FileSystemStorage
from django.http import FileResponse, Http404
from django.urls import path

storage = FileSystemStorage(location=os.environ["BASE"])


def attachment(request):
    name = request.GET.get("name", "")
    if not storage.exists(name):
        raise Http404("no attachment")
    return FileResponse(storage.open(name, "rb"), filename=os.path.basename(name))


urlpatterns = [path("attachments", attachment)]
