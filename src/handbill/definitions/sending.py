"""What a channel needs to send under the sender's own name: signature, link address, warm-up, return address."""

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
