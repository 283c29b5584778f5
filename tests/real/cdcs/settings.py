"""A CDCS site as small as it can be: SQLite, tokens, no worker, no mail. `NEXUS_TEST_SITE_DB` names its database."""

import os
from pathlib import Path

HERE = Path(os.environ["NEXUS_TEST_SITE_DB"]).parent

DEBUG = False
SECRET_KEY = "a test site, reachable from this machine only"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
TIME_ZONE = "UTC"
SITE_ID = 1
STATIC_URL = "/static/"
STATIC_ROOT = str(HERE / "static")
MEDIA_URL = "/media/"
MEDIA_ROOT = str(HERE / "media")
LOGIN_URL = "core_main_app_login"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
# A schema and a record travel in one field of a request.
DATA_UPLOAD_MAX_MEMORY_SIZE = 100 * 1024 * 1024

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "menu",
    "django_celery_beat",
    "core_main_app",
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core_main_app.utils.custom_context_processors.domain_context_processor",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["NEXUS_TEST_SITE_DB"],
        "OPTIONS": {"timeout": 60},
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": (
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ),
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

CELERYBEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
MONGODB_INDEXING = False
CAN_ANONYMOUS_ACCESS_PUBLIC_DOCUMENT = True
BACKWARD_COMPATIBILITY_DATA_XML_CONTENT = True
DATA_SORTING_FIELDS = ["-last_modification_date"]
