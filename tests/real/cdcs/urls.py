from django.urls import include, path

urlpatterns = [path("", include("core_main_app.urls"))]
