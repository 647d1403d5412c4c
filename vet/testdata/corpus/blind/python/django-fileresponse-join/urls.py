from django.urls import path

import views

urlpatterns = [
    path("media/<path:name>", views.media, name="media"),
]
