"""A NEMO-CE site as small as it can be: SQLite, tokens, no mail. `NEXUS_TEST_SITE_DB` names its database."""

import os
from pathlib import Path

HERE = Path(os.environ["NEXUS_TEST_SITE_DB"]).parent

DEBUG = False
SECRET_KEY = "a test site, reachable from this machine only"
ALLOWED_HOSTS = ["*"]
ALLOW_CONDITIONAL_URLS = True
ROOT_URLCONF = "NEMO.urls"
AUTH_USER_MODEL = "NEMO.User"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
TIME_ZONE = os.environ.get("NEMO_TEST_ZONE", "America/New_York")
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
MEDIA_ROOT = str(HERE / "media")
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "landing"
LOGOUT_REDIRECT_URL = "landing"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

INSTALLED_APPS = [
    "NEMO.apps.nemo_ce",
    "NEMO.apps.kiosk",
    "NEMO.apps.area_access",
    "NEMO",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "mptt",
    "auditlog",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
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
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "NEMO.context_processors.base_context",
            ]
        },
    }
]

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["NEXUS_TEST_SITE_DB"]}}
AUTHENTICATION_BACKENDS = ["NEMO.views.authentication.RemoteUserAuthenticationBackend"]

# Token first would make the answer to bad credentials 401 instead of 403.
_SESSION = "rest_framework.authentication.SessionAuthentication"
_TOKEN = "rest_framework.authentication.TokenAuthentication"
REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ("NEMO.permissions.DjangoModelPermissions",),
    "DEFAULT_FILTER_BACKENDS": ("NEMO.rest_filter_backend.NEMOFilterBackend",),
    "DEFAULT_PAGINATION_CLASS": "NEMO.rest_pagination.NEMOPageNumberPagination",
    "DEFAULT_AUTHENTICATION_CLASSES": (
        (_TOKEN, _SESSION) if os.environ.get("NEMO_TEST_TOKEN_FIRST") else (_SESSION, _TOKEN)
    ),
    "PAGE_SIZE": 1000,
}
