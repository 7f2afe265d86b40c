"""A project on disk whose campaign is the one that the factory fills the store with."""

from pathlib import Path

from sqlalchemy import Connection, update

from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.planning.registration import registration_digest, registration_of
from handbill.store.tables import experiment

CAMPAIGNS = """\
brand:
  name: Northwind Outfitters
  postal_address: 1 Harbour Street, Whitby YO21 1AA, United Kingdom
  website: https://shop.example
timezone: Europe/London
currency: GBP
topics: {offers: Offers and news}
channels:
  email: {provider: file, from: Northwind <news@northwind.example>}
campaigns:
  winback:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: winback}
    goal: {event: order, margin_rate: 40%, within: 14 days}
    experiment:
      hypothesis: It brings people back.
      salt: salt
      arms:
        nothing: {share: 50%, holdout: true}
        email: {share: 50%, email: {subject: We miss you}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""
SEGMENT = "name: Everybody\nwhere: {field: email, exists: true}\n"
TEMPLATE = "<mjml><mj-body><mj-section><mj-column><mj-text>Hello</mj-text></mj-column></mj-section></mj-body></mjml>"


def write_project(root: Path, campaigns: str = CAMPAIGNS) -> Project:
    """The project in the folder `root`."""
    files = {"campaigns.yaml": campaigns, "segments/everybody.yaml": SEGMENT, "templates/email/winback.mjml": TEMPLATE}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return load_project(root)


def seal_as_declared(connection: Connection, project: Project) -> None:
    """Registers exactly what the project declares."""
    registration = registration_of(project.campaigns["winback"])
    assert registration is not None
    digest = registration_digest(registration)
    connection.execute(update(experiment).values(registration=registration, registration_digest=digest))
