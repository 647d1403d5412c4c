import os

from django.http import HttpResponseBadRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST


def handle_uploaded_file(f, name):
    with open(os.path.join(os.environ["BASE"], name), "wb+") as destination:
        for chunk in f.chunks():
            destination.write(chunk)


@csrf_exempt
@require_POST
def upload(request):
    doc = request.FILES.get("doc")
    title = request.POST.get("title", "")
    if doc is None or not title:
        return HttpResponseBadRequest("doc and title, please")
    _, ext = os.path.splitext(doc.name)
    handle_uploaded_file(doc, title + ext)
    return JsonResponse({"ok": True})


urlpatterns = [path("upload/", upload)]
