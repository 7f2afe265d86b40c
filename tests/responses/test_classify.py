"""Who clicked: people are believed, and machines are found, the first click of theirs as well as the last."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from handbill.responses.classify import Hit, Sent, judge
from handbill.responses.scanners import NETWORKS, network_hash, scanner_networks
from tests.conftest import NOW
from tests.responses.hit_log import BROWSERS, TRAP, messages

SENT = Sent(NOW - timedelta(minutes=1))
CLICK = Hit("email.clicked", NOW, "GET", BROWSERS[0], "net-1", link_id=1)
OPEN = replace(CLICK, kind="email.opened", link_id=None)
NOBODY: frozenset[str] = frozenset()


def clicks(*seconds: float) -> list[Hit]:
    """Clicks on different links at these times."""
    return [replace(CLICK, at=NOW + timedelta(seconds=at), link_id=link) for link, at in enumerate(seconds)]


def verdicts(*hits: Hit, sent: Sent = SENT, scanners: frozenset[str] = NOBODY) -> list[str]:
    return judge(hits, sent, scanners)


def test_scanners_are_found_in_a_hundred_thousand_hits_and_people_are_not_lost() -> None:
    bursts: dict[int, bool] = {}
    singles = lost = total = 0
    for message in messages(100_000):
        judged = judge([each.hit for each in message.hits], message.sent, NOBODY)
        for each, verdict in zip(message.hits, judged, strict=True):
            total += 1
            if each.burst:
                bursts[each.burst] = bursts.get(each.burst, True) and verdict == "machine"
            elif each.who == "single":
                singles += 1
                lost += verdict != "human"
    assert (total >= 100_000, len(bursts) > 5_000, singles > 5_000) == (True, True, True)
    assert sum(bursts.values()) / len(bursts) >= 0.95
    assert lost / singles <= 0.005


@pytest.mark.parametrize(
    ("hit", "verdict"),
    [
        (CLICK, "human"),
        (OPEN, "human"),
        (replace(CLICK, agent=""), "unknown"),
        (replace(OPEN, agent=""), "unknown"),
        (replace(OPEN, agent="Mozilla/5.0"), "proxy"),
        (replace(CLICK, agent="Mozilla/5.0"), "human"),
        (replace(OPEN, agent="Mozilla/5.0 (Windows NT 5.1) (via ggpht.com GoogleImageProxy)"), "proxy"),
        (replace(OPEN, agent="YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"), "proxy"),
        (replace(CLICK, method="HEAD"), "machine"),
        (replace(CLICK, method="OPTIONS"), "machine"),
        (replace(CLICK, is_trap=True), "machine"),
        (replace(CLICK, agent="Barracuda Sentinel (EE)"), "machine"),
        (replace(CLICK, agent="curl/8.4.0"), "machine"),
        (replace(CLICK, agent="Mozilla/5.0 (compatible; Googlebot/2.1)"), "machine"),
        (replace(CLICK, agent="Mozilla/5.0 (Linux; Android 14; CUBOT X70) Chrome/131.0"), "human"),
        (replace(CLICK, at=NOW - timedelta(hours=1)), "machine"),
        (replace(CLICK, kind="letter.scanned", at=NOW - timedelta(hours=1)), "human"),
    ],
)  # fmt: skip
def test_one_hit_says_by_itself(hit: Hit, verdict: str) -> None:
    assert verdicts(hit) == [verdict]


def test_three_links_within_two_seconds_are_a_machine_from_the_first_on() -> None:
    assert verdicts(*clicks(0, 1, 2)) == ["machine"] * 3


def test_three_links_in_more_than_two_seconds_are_a_person() -> None:
    assert verdicts(*clicks(0, 2.5, 5)) == ["human"] * 3


def test_two_links_within_two_seconds_leave_it_open() -> None:
    assert verdicts(*clicks(0, 1)) == ["unknown"] * 2


def test_one_link_clicked_thrice_is_an_impatient_person() -> None:
    assert verdicts(*(replace(each, link_id=1) for each in clicks(0, 0.5, 1))) == ["human"] * 3


def test_the_order_in_which_hits_arrive_does_not_matter() -> None:
    first, second, third = clicks(0, 1, 2)
    assert verdicts(third, first, second) == ["machine"] * 3


def test_what_the_same_machine_did_before_and_after_its_burst_is_a_machines_too() -> None:
    slow = replace(CLICK, at=NOW + timedelta(minutes=5), link_id=9)
    assert verdicts(*clicks(0, 1, 2), slow, replace(OPEN, at=NOW - timedelta(seconds=10))) == ["machine"] * 5


def test_somebody_in_the_same_office_with_another_program_is_a_person() -> None:
    person = replace(CLICK, at=NOW + timedelta(minutes=1), agent=BROWSERS[1])
    assert verdicts(*clicks(0, 1, 2), person) == ["machine"] * 3 + ["human"]


def test_the_same_program_in_another_network_is_a_person() -> None:
    person = replace(CLICK, at=NOW + timedelta(minutes=1), network="net-2")
    assert verdicts(*clicks(0, 1, 2), person) == ["machine"] * 3 + ["human"]


def test_a_click_before_the_provider_delivered_is_a_machines() -> None:
    assert verdicts(CLICK, sent=Sent(SENT.accepted_at, NOW + timedelta(seconds=1))) == ["machine"]


def test_a_message_that_nobody_took_over_was_clicked_by_a_machine() -> None:
    assert verdicts(CLICK, sent=Sent()) == ["machine"]


def test_networks_of_mail_gateways_are_known_by_their_hashes() -> None:
    known = scanner_networks(b"secret")
    for address, verdict in (("64.235.144.7", "machine"), ("209.222.87.255", "machine"), ("192.0.2.1", "human")):
        hit = replace(CLICK, network=network_hash(b"secret", address))
        assert verdicts(hit, scanners=known) == [verdict]
    assert (len(NETWORKS), len(known)) == (6, 75)


def test_a_network_stands_for_256_neighbours_and_for_a_site_of_ipv6() -> None:
    def hashed(address: str) -> str:
        return network_hash(b"secret", address)

    assert hashed("203.0.113.1") == hashed("203.0.113.254") == hashed("::ffff:203.0.113.9") != hashed("203.0.114.1")
    assert hashed("2001:db8:1::1") == hashed("2001:db8:1:ffff::1") != hashed("2001:db8:2::1")
    assert (hashed("nonsense"), hashed("")) == ("", "")


def test_ten_thousand_hits_on_one_message_are_judged_in_no_time() -> None:
    hits = [
        replace(CLICK, at=NOW + timedelta(milliseconds=number / 10), link_id=number % 2) for number in range(10_000)
    ]
    hits += [
        replace(CLICK, at=NOW + timedelta(milliseconds=number / 10), link_id=number % 7) for number in range(10_000)
    ]
    begun = time.process_time()
    assert set(verdicts(*hits)) == {"machine"}
    assert time.process_time() - begun < 5


def test_the_link_that_no_person_sees_gives_away_a_slow_scanner() -> None:
    slow = clicks(0, 20, 40, 60)
    assert verdicts(*slow[:3], replace(slow[3], link_id=TRAP, is_trap=True)) == ["machine"] * 4
