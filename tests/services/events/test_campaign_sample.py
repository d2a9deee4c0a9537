"""A short run of the campaign of event-driven trading: the one of 2,000 commands is in chaos/RESULTS.md."""

from __future__ import annotations

from chaos.events.campaign import CHANCES, Campaign, Windows

COMMANDS = 16


def test_services_killed_in_the_middle_of_sends_answer_each_command_once() -> None:
    campaign = Campaign(
        COMMANDS,
        seed=5,
        windows=Windows(8.0, 8.0, deadline=5.0),
        chances=CHANCES,
        stops={},
        weights={},
        rewinds=False,
        calm_seconds=20.0,
    )
    outcome = campaign.run()
    assert outcome.good, outcome.line()
    assert outcome.verdict.commands >= COMMANDS
