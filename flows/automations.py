"""What Prefect does by itself: tells a person of an alarm, and ends a run whose process is gone. Installed as code."""

from datetime import timedelta
from typing import cast
from uuid import UUID

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.client.schemas.objects import StateType
from prefect.events import DoNothing, EventTrigger
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import Posture
from pydantic import SecretStr

from newsletter.alarming import Kind
from newsletter.orchestration import SILENCE, TAG
from newsletter.settings import load

#: The block that keeps the address of `alarm_webhook`.
BLOCK = "newsletter-alarms"

#: What each alarm means, and what to type first.
MEANS = {
    Kind.MISSED: "An edition's time passed and nothing left. 'newsletter edition send', 'schedule' or 'cancel'.",
    Kind.STUCK: "Messages are due and nothing ends. 'newsletter doctor', then look at the worker and the mail server.",
    Kind.BOUNCES: "Too many addresses do not exist. 'newsletter edition status', before it pauses itself.",
    Kind.SOURCE: "A source could not be read for a day. 'newsletter source check NAME'.",
    Kind.NOTHING: "The database is a copy, or the clock was set back. 'newsletter dispatch --accept' after a look.",
    Kind.WEBHOOK: "A webhook took nothing for a day. 'newsletter webhook show NAME', then 'webhook replay NAME'.",
}


def wanted(silence: timedelta = SILENCE, webhook: str = "") -> list[Automation]:
    """Return every automation of ours.

    Args:
        silence: After which a run without a heartbeat is taken for dead: three heartbeats at least.
        webhook: Id of the block that posts alarms; empty: they only show.
    """
    return [_silent(silence), *(_alarm(kind, webhook) for kind in Kind)]


def install(silence: timedelta = SILENCE) -> list[str]:
    """Create or renew every automation on the server; return their names. The second time changes nothing."""
    names = []
    for automation in wanted(silence, _block()):
        try:
            known = cast("Automation", Automation.read(name=automation.name))  # a coroutine only inside a loop
        except ValueError:
            automation.create()
        else:
            automation.id = known.id
            automation.update()
        names.append(automation.name)
    return names


def _silent(silence: timedelta) -> Automation:
    return Automation(
        name="newsletter: a silent run has crashed",
        description="Its process is gone: worker or host died. The next run goes on, and nobody gets anything twice.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"},
            for_each={"prefect.resource.id"},
            threshold=1,
            within=silence,
        ),
        actions=[
            ChangeFlowRunState(
                name=None,
                state=StateType.CRASHED,
                message=f"no heartbeat for {silence.total_seconds():.0f} s",
                force=False,
            )
        ],
    )


def _alarm(kind: Kind, webhook: str) -> Automation:
    text = "{{ event.payload.said | tojson }}"
    act = CallWebhook(block_document_id=UUID(webhook), payload=f'{{"text": {text}}}') if webhook else DoNothing()
    return Automation(
        name=f"newsletter: {kind.value.replace('-', ' ')}",
        description=MEANS[kind],
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={f"newsletter.alarm.{kind.value}"},
            match={"prefect.resource.id": "newsletter.*"},
            for_each={"prefect.resource.id"},
            threshold=1,
        ),
        actions=[act],
    )


def _block() -> str:
    url = load().secret("alarm_webhook")
    if not url:
        return ""
    # Private addresses too: a chat of one's own stands inside.
    return str(Webhook(method="POST", url=SecretStr(url), allow_private_urls=True).save(BLOCK, overwrite=True))
