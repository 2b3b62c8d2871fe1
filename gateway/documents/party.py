"""Who buys and who receives."""

from __future__ import annotations

import msgspec

from gateway.documents.values import CountryCode


class Party(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person or a company with its address.

    company_id: the national company number (CZ and SK: IČO).
    vat_id: the VAT number with its country prefix (CZ: DIČ, SK: IČ DPH).
    tax_id: the income tax number where it is another one than the VAT number (SK: DIČ, ten digits; HU: adószám).
    street: street and house number in one text.
    """

    name: str | None = None
    company: str | None = None
    street: str | None = None
    city: str | None = None
    postcode: str | None = None
    region: str | None = None
    country: CountryCode | None = None
    company_id: str | None = None
    vat_id: str | None = None
    tax_id: str | None = None
    email: str | None = None
    phone: str | None = None

    def names_somebody(self) -> bool:
        """Whether there is a name or a company at all."""
        return bool(self.name or self.company)
