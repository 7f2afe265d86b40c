"""How long `handbill check` takes on 10, 50 and 200 campaigns with as many segments, ten campaigns to a template."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10, 50, 200)
ROUNDS = 3
SHARING = 10
"""Campaigns to a template."""
LIMIT = 4.0
"""Seconds for the largest project."""

HEAD = """\
brand:
  name: Northwind Outfitters
  postal_address: 1 Harbour Street, Whitby YO21 1AA, United Kingdom
  website: https://shop.example
timezone: Europe/London
currency: GBP
fields:
  loyalty_points: integer
  tier: {type: text, one_of: [basic, silver, gold]}
topics: {offers: Offers and news}
channels:
  email:
    host: smtp.example
    password: ${SMTP_PASSWORD}
    from: Northwind <news@northwind.example>
    cost: 0.001
policies:
  caps:
    - {max: 2, per: 7 days, channel: email}
  global_holdout: {share: 2%, salt: everybody-2026}
campaigns:
"""

CAMPAIGN = """\
  campaign-{number}:
    topic: offers
    audience: {{include: [segment-{number}], exclude: [segment-{other}]}}
    schedule: {{at: 2026-12-01 09:00, timezone: recipient, max_lateness: 6 hours}}
    email: {{template: template-{template}}}
    goal: {{event: order, value: margin, margin_rate: 45%, within: 14 days}}
    experiment:
      hypothesis: The discount of campaign {number} brings more margin than it gives away.
      salt: campaign-{number}-2026
      arms:
        nothing: {{share: 10%, holdout: true}}
        plain: {{share: 45%, email: {{subject: "Spring {number}, {{{{ contact.first_name | default('friend') }}}}"}}}}
        discount:
          share: 45%
          email: {{subject: "15% off until Sunday", with: {{code: SPRING{number}}}}}
          offer: {{discount: 15%}}
      control: nothing
      compare: [discount - plain]
      primary: {{metric: conversion, minimum_effect: 1 pp, power: 80%, confidence: 95%}}
      secondary: [revenue, clicks]
"""

SEGMENT = """\
name: Segment {number}
description: Bought twice in 90 days, in a country that we ship to.
where:
  all:
    - {{field: country, in: [GB, IE]}}
    - {{field: loyalty_points, gte: {number}, missing: exclude}}
    - {{event: order, count: {{gte: 2}}, within: 90 days, where: {{total: {{gte: 20}}}}}}
    - not: {{event: email.clicked, within: 7 days}}
    - any: [{{field: tier, in: [silver, gold]}}, {{field: email, ends_with: "@partner.example"}}]
"""


def make_project(root: Path, size: int) -> None:
    """So many campaigns and segments; each template is the starter's, with a line of its own."""
    campaigns = [
        CAMPAIGN.format(number=number, other=(number + 1) % size, template=number // SHARING) for number in range(size)
    ]
    (root / "campaigns.yaml").write_text(HEAD + "".join(campaigns))
    (root / "segments").mkdir()
    (root / "templates" / "email").mkdir(parents=True)
    spring = (ROOT / "templates" / "email" / "spring.mjml").read_text()
    for shared in sorted((ROOT / "templates" / "email" / "shared").iterdir()):
        target = root / "templates" / "email" / "shared" / shared.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(shared.read_bytes())
    for number in range(size):
        (root / "segments" / f"segment-{number}.yaml").write_text(SEGMENT.format(number=number))
    for number in range(size // SHARING):
        own = spring.replace("</mj-body>", f"<!-- {number} --></mj-body>")
        (root / "templates" / "email" / f"template-{number}.mjml").write_text(own)


def seconds(root: Path) -> float:
    """The best wall time of the command over several rounds: what else the machine does only adds to it."""
    command = [sys.executable, "-m", "handbill", "check", "--project", str(root)]
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Prints one line a size, with the limit at the largest."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            make_project(Path(folder), size)
            took = seconds(Path(folder))
        limit = f"   limit {LIMIT:.1f} s" if size == SIZES[-1] else ""
        print(f"{size:4} campaigns and segments   {took:6.2f} s   {took / size * 1000:6.1f} ms each{limit}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
