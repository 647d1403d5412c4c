import os

from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def upload(request):
    doc = request.FILES["doc"]
    with open(os.path.join(os.environ["BASE"], doc.name), "wb") as out:
        for chunk in doc.chunks():
            out.write(chunk)
    return HttpResponse(status=204)


urlpatterns = [path("upload/", upload)]
