import os
import tarfile

from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def restore(request):
    backup = request.FILES["backup"]
    with tarfile.open(fileobj=backup) as tar:
        names = tar.getnames()
        tar.extractall(os.environ["BASE"])
    return JsonResponse({"restored": names})


urlpatterns = [path("restore", restore)]
