"""Fills a migrated NEMO-CE database with the rows of a JSON text on standard input.

The rows are those of the fake server of the tests, so that both can be asked the same questions:
tools, users, events, reservations, rights (lists that the account of the token may view).
"""

import json
import sys
from datetime import datetime

import django

django.setup()

from django.contrib.auth.models import Permission  # noqa: E402
from django.db import transaction  # noqa: E402
from NEMO.models import Account, Project, Reservation, Tool, UsageEvent, User  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

RIGHTS = {"usage_events": "usageevent", "reservations": "reservation", "tools": "tool", "users": "user",
          "projects": "project"}


def time(text):
    return None if text is None else datetime.fromisoformat(text)


@transaction.atomic
def seed(rows):
    account = Account.objects.create(id=1, name="Account")
    project = Project.objects.create(id=1, name='Alloys "A & B"', application_identifier="AL-2", account=account)
    User.objects.bulk_create(
        User(id=row["id"], username=row["username"], first_name=row["first_name"], last_name=row["last_name"],
             email=row["email"])
        for row in rows["users"]
    )
    harvester = User.objects.create(username="harvester", first_name="", last_name="", email="")
    for name in rows["rights"]:
        harvester.user_permissions.add(Permission.objects.get(codename=f"view_{RIGHTS[name]}"))
    Token.objects.create(user=harvester, key=rows["token"])
    Tool.objects.bulk_create(
        Tool(id=row["id"], name=row["name"], _category="Microscopes", _location="Room 1", visible=True)
        for row in rows["tools"]
    )
    UsageEvent.objects.bulk_create(
        UsageEvent(id=row["id"], tool_id=row["tool"], user_id=row["user"], operator_id=row["operator"],
                   project=project, start=time(row["start"]), end=time(row["end"]),
                   has_ended=row["id"] if row["end"] else 0, pre_run_data=row["pre_run_data"],
                   run_data=row["run_data"])
        for row in rows["events"]
    )
    Reservation.objects.bulk_create(
        Reservation(id=row["id"], tool_id=row["tool"], user_id=row["user"], creator_id=row["user"],
                    project=project, start=time(row["start"]), end=time(row["end"]),
                    creation_time=time(row["created"]), cancelled=row["cancelled"], short_notice=False,
                    question_data=row["question_data"])
        for row in rows["reservations"]
    )


seed(json.load(sys.stdin))
