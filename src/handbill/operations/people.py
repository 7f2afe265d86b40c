"""Which contact a name on the command line means."""

from typing import Any

from sqlalchemy import Connection, Engine, Row, or_, select

from handbill.contacts.naming import has_id
from handbill.errors import Problem, ProjectInvalid
from handbill.store.connection import reading
from handbill.store.tables import contact


def contact_called(connection: Connection, name: str) -> Row[Any]:
    """The contact with this id, its own or a merged one, or when nobody has it with this e-mail address.

    Raises:
        ProjectInvalid: nobody is called so, or several people share the address.
    """
    key = name.strip().lower()
    found = connection.execute(
        select(contact).where(or_(has_id(name), contact.c.email_key == key)).order_by(contact.c.id)
    ).all()
    by_id = [each for each in found if each.external_id == name]
    if by_id or len(found) == 1:
        return (by_id or found)[0]
    if found:
        ids = ", ".join(each.external_id for each in found)
        what = f"{len(found)} contacts have this e-mail address: {ids}."
        raise ProjectInvalid(Problem(what=what, mend="Name one of them by the id."))
    what = f'no contact has the id or the e-mail address "{name}".'
    raise ProjectInvalid(Problem(what=what, mend="Write it as it was imported: external_id, or email."))


def contact_number_of(engine: Engine, name: str) -> int:
    """The number in the store of `contact_called`."""
    with reading(engine) as connection:
        return int(contact_called(connection, name).id)
