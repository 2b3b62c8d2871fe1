"""Countries and currencies: codes, and their names as shops write them."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

from gateway.mapping.unreadable import Unreadable

COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a column of quotes reads worse
)
"""ISO 3166-1 alpha-2, and XK (Kosovo), which shops use though ISO only reserves it."""

CURRENCIES = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a column of quotes reads worse
)
"""ISO 4217, the currencies of countries."""

_SYMBOLS = {
    "kč": "CZK",
    "kc": "CZK",
    "€": "EUR",
    "ft": "HUF",
    "zł": "PLN",
    "zl": "PLN",
    "lei": "RON",
    "leu": "RON",
}

_COMMON_NAMES = {
    "CZ": (
        "cesko, czechy, csehorszag, cehia, tschechien, czechia, ceska republika, cr, czech republic, "
        "cseh koztarsasag, republika ceska"
    ),
    "SK": (
        "slovensko, slowacja, szlovakia, slovacia, slowakei, slovakia, slovenska republika, sr, slovak "
        "republic, szlovak koztarsasag"
    ),
    "HU": "madarsko, wegry, magyarorszag, ungaria, ungarn, hungary",
    "RO": "rumunsko, rumunia, romania, rumanien",
    "PL": "polsko, polska, lengyelorszag, polonia, polen, poland",
    "AT": "rakousko, rakusko, austria, ausztria, osterreich",
    "DE": "nemecko, niemcy, nemetorszag, germania, deutschland, germany",
    "CH": "svycarsko, svajciarsko, szwajcaria, svajc, elvetia, schweiz, switzerland",
    "SI": "slovinsko, slowenia, szlovenia, slovenia, slowenien",
    "HR": "chorvatsko, chorwacja, horvatorszag, croatia, kroatien",
    "IT": "italie, taliansko, wlochy, olaszorszag, italia, italien, italy",
    "FR": "francie, francuzsko, francja, franciaorszag, franta, frankreich, france",
    "ES": "spanelsko, spanielsko, hiszpania, spanyolorszag, spania, spanien, spain",
    "NL": "nizozemsko, holandsko, holandia, hollandia, tarile de jos, niederlande, netherlands, holland",
    "BE": "belgie, belgicko, belgia, belgium, belgien",
    "BG": "bulharsko, bulgaria, bulgarien",
    "UA": "ukrajina, ukraina, ukrajna, ucraina, ukraine",
    "GB": (
        "spojene kralovstvi, spojene kralovstvo, wielka brytania, egyesult kiralysag, regatul unit, "
        "vereinigtes konigreich, united kingdom, great britain, velka britanie, velka britania, england"
    ),
    "US": (
        "spojene staty, stany zjednoczone, egyesult allamok, statele unite ale americii, vereinigte "
        "staaten, united states, usa"
    ),
}
"""Of the countries that shops here send to most: the names of all others take a while to load."""

_COMMON = {name: code for code, names in _COMMON_NAMES.items() for name in names.split(", ")}
_LANGUAGES = ("cs", "sk", "pl", "hu", "ro", "de", "en")


@lru_cache(maxsize=1024)
def read_country(text: str) -> str:
    """ISO alpha-2 from a code (alpha-2, alpha-3) or a name in cs, sk, pl, hu, ro, de or en.

    Raises Unreadable (D005).
    """
    code = text.upper()
    if code in COUNTRIES:
        return code
    name = _fold(text)
    found = _COMMON.get(name) or _by_code(code) or _names().get(name)
    if found is None:
        raise Unreadable(
            "D005",
            f"`{text}` is not a country that is known here",
            hint="give it a line in a `lookup:` of the field, such as `Čechy: CZ`",
        )
    return found


@lru_cache(maxsize=256)
def read_currency(text: str) -> str:
    """ISO 4217 from a code or a symbol that stands for one currency only. Raises Unreadable (D006)."""
    code = text.upper()
    if code in CURRENCIES:
        return code
    found = _SYMBOLS.get(text.casefold().rstrip("."))
    if found is None:
        raise Unreadable(
            "D006",
            f"`{text}` is not a currency that is known here",
            hint="expected an ISO code such as `CZK`; give other texts a line in a `lookup:` of the field",
        )
    return found


def _by_code(code: str) -> str | None:
    """`CZE` and the European Union's `EL` and `UK`."""
    if not (len(code) in (2, 3) and code.isascii() and code.isalpha()):
        return None
    from babel.core import get_global

    if code == "EL":
        return "GR"
    aliases = get_global("territory_aliases").get(code, ())
    return aliases[0] if len(aliases) == 1 and aliases[0] in COUNTRIES else None


@cache
def _names() -> dict[str, str]:
    """Country names of the seven languages, folded; a name that two countries share is left out."""
    from babel import Locale

    names: dict[str, str] = {}
    shared: set[str] = set()
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in COUNTRIES:
                folded = _fold(name)
                if names.setdefault(folded, code) != code:
                    shared.add(folded)
    return {name: code for name, code in names.items() if name not in shared}


def _fold(text: str) -> str:
    """Without case and diacritics."""
    plain = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).casefold().split())
