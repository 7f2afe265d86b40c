"""What a channel needs to send under the sender's own name: signature, link address, warm-up, return address."""

from typing import Literal

from pydantic import Field

from handbill.definitions.definition import Definition
from handbill.definitions.secret import Secret
from handbill.definitions.values import Country, Domain, Line, RateLimit, Window


class Utm(Definition):
    """What is added to links, so that the shop's own analytics tell campaigns apart."""

    source: Line = Field(description="utm_source of every link, such as handbill.")
    medium: Line = Field(description="utm_medium of every link, such as email.")


class Dkim(Definition):
    """The signature under every e-mail, by which mailbox providers know that it is yours."""

    domain: Domain = Field(description="The domain that signs; the sender's own, such as northwind.example.")
    selector: Line = Field(description="Name of the key in the domain's DNS, such as hb1.")
    key_file: Secret = Field(description="File with the private key, or ${DKIM_KEY_FILE}; never the key itself.")


class Mailbox(Definition):
    """The mailbox on an IMAP server to which bounces, complaints and unsubscribe mails come."""

    host: Line = Field(description="The IMAP server, such as imap.northwind.example.")
    port: int = Field(993, ge=1, le=65535, description="The server's port.")
    security: Literal["tls", "starttls", "none"] = Field("tls", description="none only for a server on this machine.")
    user: Secret = Field(description="Name to sign in with, or ${IMAP_USER}.")
    password: Secret = Field(description="Only by reference: ${IMAP_PASSWORD}.")
    folder: Line = Field("INBOX", description="The folder that is read.")
    done: Line = Field("Handbill done", description="The folder for mail that was taken in; made when it is not there.")
    quarantine: Line = Field("Handbill quarantine", description="The same for mail that a person should look at.")


class WarmUp(Definition):
    """How many e-mails a day a new sender begins with, and how fast they become more."""

    start: RateLimit = Field(description="E-mails on the first day, such as 200/day.")
    double_every: Window = Field(description="After how long it may be twice as many, such as 3 days.")


class ReturnAddress(Definition):
    """Where pieces go that cannot be delivered."""

    name: Line = Field(description="Who takes them back.")
    line1: Line = Field(description="Street and number.")
    line2: Line | None = Field(None, description="What else the address needs.")
    city: Line = Field(description="The town.")
    region: Line | None = Field(None, description="State or province, where addresses have one.")
    postcode: Line = Field(description="The postcode, as it is written.")
    country: Country = Field(description="Two letters, such as GB.")
