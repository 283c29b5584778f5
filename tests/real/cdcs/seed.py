"""Fills a migrated CDCS database: three accounts, two templates, a private workspace that is listed before the public one.

`seed.py SCHEMA`: the text of the schema of records. Templates and workspaces are made through the site's own API.
"""

import sys
from pathlib import Path

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

ACCOUNTS = {
    "ada": ("1" * 40, {}),
    "grace": ("2" * 40, {"is_staff": True}),
    "deliverer": ("3" * 40, {"is_staff": True, "is_superuser": True}),
}

OTHER_SCHEMA = """<?xml version="1.0"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="note" type="xs:string"/></xs:schema>
"""


def client(token):
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return made


def post(token, path, **body):
    answer = client(token).post(path, body, format="json")
    assert answer.status_code == 201, (path, answer.status_code, answer.content)
    return answer.json()


def main(schema):
    from core_main_app.components.template_version_manager.models import TemplateVersionManager
    from core_main_app.components.workspace.models import Workspace

    for name, (token, rights) in ACCOUNTS.items():
        user = User.objects.create_user(name, f"{name}@example.net", None, **rights)
        user.groups.add(Group.objects.get(name="default"))
        Token.objects.create(user=user, key=token)
    ada, root = ACCOUNTS["ada"][0], ACCOUNTS["deliverer"][0]
    post(root, "/rest/template/global/", title="Notes", filename="notes.xsd", content=OTHER_SCHEMA)
    text = Path(schema).read_text(encoding="utf-8")
    post(root, "/rest/template/global/", title="Nexus Experiment Schema", filename="nexus.xsd", content=text)
    TemplateVersionManager.objects.filter(title="Notes").update(display_rank=1)
    post(ada, "/rest/workspace/", title="Group of Ada")
    # Lists come in the order of the numbers here.
    public = Workspace.objects.get(owner=None)
    Workspace.objects.filter(pk=public.pk).update(id=100)
    listed = client(root).get("/rest/workspace/read_access/").json()
    assert [one["is_public"] for one in listed] == [False, True], listed


main(sys.argv[1])
