"""Compute the line items of one column of a filing from its tagged facts.

``fields.csv`` has the rules; this module adds what a table cannot express.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile

from factorlab_lake.providers.sec.company_facts import FilingFacts
from factorlab_lake.providers.sec.concepts import Rule, cyclic_items, direct_tags, rules
from factorlab_lake.schema.rules import MIN_CHECKED_EPS

__all__ = ["ColumnItems", "Items", "is_financial", "line_items_of"]

_LARGEST_OF = 3  # of the first three tags of revenue and of depreciation, each can hold a part of the total
_LARGEST = ("revenue", "depreciation_and_amortization")
_SAME_SHARE = 0.005
_BANKS_AND_INSURERS = range(6000, 6412)
# Banks and insurers have no classified balance sheet, and no result before interest.
_NOT_OF_BANKS = (
    "gross_profit", "operating_income", "total_current_assets", "total_current_liabilities",
)  # fmt: skip
_BANK_REVENUE = ("RevenuesNetOfInterestExpense", "Revenues")
_JUDGED_OF_BANKS = ("revenue", *_NOT_OF_BANKS)
# Tags that mean an item in some filings alone.
_JUDGED_TAGS = ("ProfitLoss", "InterestIncomeExpenseAfterProvisionForLoanLoss", "OperatingExpenses")
_CASH_AT_ENDS = ("cash_at_beginning_of_period", "cash_at_end_of_period")  # instants of a cash flow statement
_LAST_BANK_REVENUE = ("GrossInvestmentIncomeOperating", "PremiumsEarnedNet")  # where interest is no formula
_MINORITY = re.compile(
    r"^MinorityInterest|^RedeemableNoncontrollingInterest|^NoncontrollingInterests"
    r"|(?<!Portion)AttributableTo(Redeemable)?NoncontrollingInterests?$"
)
_NOT_BEFORE_TAX = re.compile(r"DiscontinuedOperation|^IncomeLossFromEquityMethodInvestments")
_AVERAGES = {
    "weighted_average_shares_outstanding": "eps",
    "weighted_average_shares_outstanding_diluted": "eps_diluted",
}
_IN_THOUSANDS = (700, 1400)  # net income / EPS / shares, where the shares are a thousandth
_TEMPORARY = "TemporaryEquityCarryingAmountAttributableToParent"
_CHANGE = "IncreaseDecreaseIn"
_CHANGE_TOTALS = ("OperatingCapital", "OperatingAssets", "OperatingLiabilities")
_LIABILITY = re.compile(
    r"Payable|Liabilit|DeferredRevenue|DeferredIncome(?!Tax)|Accrued|EmployeeRelated|Obligation|CustomerDeposit"
)
_RECEIVABLE = re.compile(r"Receivable(s|Net)?$")
# An item whose section total is tagged is certainly 0 if no tag of its family is in the whole filing.
_FAMILIES: dict[str, tuple[str, re.Pattern[str]]] = {
    "dividends_paid": (
        "net_cash_from_financing_activities",
        re.compile(r"^Payments?Of.*(Dividend|Distribution)|^Dividends(?!Receivable)|^CommonStockDividends"),
    ),
    "common_stock_repurchased": (
        "net_cash_from_financing_activities",
        re.compile(r"Repurchase(?!Agreement)|TreasuryStock|TreasuryShares|PaymentsToAcquireOrRedeemEntitysShares"),
    ),
    "common_stock_issued": (
        "net_cash_from_financing_activities",
        re.compile(r"^ProceedsFrom.*(Stock|Share|Equity|PublicOffering)|^StockIssuedDuringPeriod"),
    ),
    "debt_repayment": ("net_cash_from_financing_activities", re.compile(r"Repayment")),
    "acquisitions_net": (
        "net_cash_from_investing_activities",
        re.compile(r"Business(es)?(Acquisition|Combination|Net|Gross|And|Or|$)|Divestiture|Subsidiar"),
    ),
}  # fmt: skip
_DEBT_ITEMS = ("short_term_debt", "long_term_debt", "total_debt")
_DEBT = re.compile(r"Debt|Borrowing|NotesPayable|LoansPayable|CommercialPaper|LineOfCredit")
_NO_DEBT = re.compile(r"DebtSecurities|DebtInstrument|[Uu]namortized|DebtAndEquitySecurities")


@dataclass(frozen=True, slots=True)
class Items:
    """Hold the items of one column; ``tagged`` names those that are one tagged fact, not arithmetic.

    ``corrections`` says which values were corrected or refused, and why.
    """

    values: dict[str, float]
    tagged: frozenset[str]
    corrections: tuple[str, ...] = ()


def is_financial(sic: str | None) -> bool:
    """Return whether an industry code is of banks or insurers.

    >>> is_financial("6021"), is_financial("3571"), is_financial(None)
    (True, False, False)
    """
    return bool(sic) and str(sic).isdigit() and int(str(sic)) in _BANKS_AND_INSURERS


def line_items_of(statement_type: str, filing: FilingFacts, facts: Mapping[str, float]) -> Items:
    """Return all items of one column; ``facts`` has its values by tag."""
    return ColumnItems(statement_type, filing, facts).items()


class ColumnItems:
    """Evaluate the rules of one column; an item's value is computed once.

    A cash flow column also has the instants of the day before it starts and of its last day: ``opening`` and
    ``closing``. ``financial`` marks banks and insurers.
    """

    def __init__(
        self,
        statement_type: str,
        filing: FilingFacts,
        facts: Mapping[str, float],
        *,
        instants: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {}),
        financial: bool = False,
    ) -> None:
        """Read the tagged items; ``instants`` has the values at the opening and the closing of the period."""
        self.statement_type, self.filing, self.facts, self.financial = (
            statement_type,
            filing,
            facts,
            financial,
        )
        self.rules = rules(statement_type, filing.taxonomy)
        is_cash_flow = statement_type == "cash_flow"
        self.instants = dict(zip(_CASH_AT_ENDS, instants, strict=True)) if is_cash_flow else {}
        self.tagged: set[str] = set()
        self._cyclic = cyclic_items(statement_type, filing.taxonomy)
        self._values: dict[str, float | None] = {}
        self._bits, by_tag, self._present = _items_of_tags(statement_type, filing.taxonomy)
        for tag in facts:
            self._present |= by_tag.get(tag, 0)
        self._read_tagged()

    def items(self, only: Iterable[str] | None = None) -> Items:
        """Return the items of the column, or some of them, which takes less time."""
        names = self._bits if only is None else only
        values = {name: value for name in names if (value := self._item(name)) is not None}
        values = {name: value for name, value in values.items() if not name.startswith("_")}
        tagged = frozenset(item for item in self.tagged if item in values)
        if only is None:
            for item in _certain_zeros(self.statement_type, self.filing, values):
                values[item] = 0.0
        if self.statement_type == "balance_sheet" and "net_debt" not in values:
            cash = values.get("cash_and_cash_equivalents")
            if values.get("total_debt") == 0 and cash is not None:
                values["net_debt"] = -cash
        corrections = _correct_averages(values) if self.statement_type == "income" else ()
        return Items(values, tagged & values.keys(), corrections)

    def _read_tagged(self) -> None:
        """Read the items whose value is the first tag that is present: most of them."""
        for name, tags in _plain_tags(self.statement_type, self.filing.taxonomy):
            if name in self.instants or (self.financial and name in _JUDGED_OF_BANKS):
                continue
            for tag, sign in tags:
                value = self.facts.get(tag)
                if value is not None:
                    self._values[name] = value * sign
                    self.tagged.add(name)
                    break

    def _item(self, name: str, path: tuple[str, ...] = ()) -> float | None:
        """Return the value of an item, None where the filing does not give it.

        ``path`` has the items whose formulas ask for it. In a cycle, such as operating income and operating
        expenses, the value depends on them, so it is stored for the empty path alone.
        """
        by_path = bool(path) and name in self._cyclic
        if not by_path and name in self._values:
            return self._values[name]
        if not self._present & self._bits.get(name, 0):
            return None
        value, is_tagged = self._computed(name, (*path, name))
        if not by_path:
            self._values[name] = value
            if is_tagged:
                self.tagged.add(name)
        return value

    def _computed(self, name: str, path: tuple[str, ...]) -> tuple[float | None, bool]:
        """Return the value by the first rule that gives one, and whether it is one tagged fact."""
        if self.financial and name in _NOT_OF_BANKS:
            return None, False
        facts = self.instants.get(name, self.facts)
        largest = self._largest(name, facts)
        if largest is not None:
            return largest, True
        for rule in self.rules.get(name, ()):
            if rule.tag:
                value = facts.get(rule.tag)
                if value is not None and self._serves(name, rule.tag):
                    return self._adjusted(rule.tag, value * rule.sign, path)
            elif (value := self._formula(name, rule, path)) is not None:
                return value, False
        return None, False

    def _largest(self, name: str, facts: Mapping[str, float]) -> float | None:
        if name not in _LARGEST or self.filing.taxonomy != "us-gaap":
            return None
        if self.financial and name == "revenue":
            return next((facts[tag] for tag in _BANK_REVENUE if tag in facts), None)
        first = self.rules[name][:_LARGEST_OF]
        return max((facts[rule.tag] for rule in first if rule.tag in facts), default=None)

    def _serves(self, name: str, tag: str) -> bool:
        """Return whether a tag means the item in this filing."""
        if name == "revenue" and self.financial and self.filing.taxonomy == "us-gaap":
            return tag in _LAST_BANK_REVENUE and not self._has_interest()
        if name == "net_income" and self.statement_type == "income" and tag == "ProfitLoss":
            return not any(_MINORITY.search(each) for each in self.filing.tags)
        if tag == "InterestIncomeExpenseAfterProvisionForLoanLoss":
            return not any("Provision" in each and each != tag for each in self.filing.tags)
        return True

    def _has_interest(self) -> bool:
        """Return whether a bank's revenue can be computed from its interest."""
        formulas = (rule for rule in self.rules["revenue"] if rule.terms)
        return any(all(term.name in self.facts for term in rule.terms) for rule in formulas)

    def _adjusted(self, tag: str, value: float, path: tuple[str, ...]) -> tuple[float, bool]:
        """Return a tagged value, operating expenses without the cost of revenue where they contain it."""
        if tag != "OperatingExpenses":
            return value, True
        revenue, result = self._item("revenue", path), self.facts.get("OperatingIncomeLoss")
        cost = self._item("cost_of_revenue", path)
        if revenue is None or result is None or cost is None:
            return value, True
        if abs(revenue - value - result) > _SAME_SHARE * abs(revenue):
            return value, True
        return value - cost, False

    def _formula(self, name: str, rule: Rule, path: tuple[str, ...]) -> float | None:
        if not rule.terms:
            return _working_capital(self.facts)
        if not self._applies(name, rule):
            return None
        total, parts = 0.0, 0
        for term in rule.terms:
            if not term.is_tag and term.name in path:
                return None
            value = self.facts.get(term.name) if term.is_tag else self._item(term.name, path)
            if value is not None and self._is_part(name, term.name):
                total, parts = total + term.sign * value, parts + 1
            elif value is None and not term.is_optional:
                return None
        return total if parts else None

    def _applies(self, name: str, rule: Rule) -> bool:
        """Return whether a formula is right for this filing."""
        if name == "income_before_tax" and not rule.terms[0].is_tag:
            tags = self.filing.tags
            return not any(_MINORITY.search(each) or _NOT_BEFORE_TAX.search(each) for each in tags)
        if name == "other_adjustments_to_net_income":
            self._item("net_income_from_continuing_operations")
            self._item("net_income_from_discontinued_operations")
            return {
                "net_income_from_continuing_operations",
                "net_income_from_discontinued_operations",
            } <= self.tagged
        return True

    def _is_part(self, name: str, term: str) -> bool:
        """Return whether preferred stock is permanent equity where it is subtracted from equity."""
        if name != "other_stockholders_equity" or term != "preferred_stock":
            return True
        return bool(
            direct_tags("balance_sheet", self.filing.taxonomy, term) & self.facts.keys() - {_TEMPORARY}
        )


@cache
def _plain_tags(statement_type: str, taxonomy: str) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
    """Return the items whose first rules are tags that always mean the item, with these tags and signs."""
    plain = []
    for name, each in rules(statement_type, taxonomy).items():
        if name in _LARGEST and taxonomy == "us-gaap":
            continue
        first = tuple(takewhile(lambda rule: rule.tag and rule.tag not in _JUDGED_TAGS, each))
        if first:
            plain.append((name, tuple((rule.tag, rule.sign) for rule in first)))
    return plain


@cache
def _items_of_tags(statement_type: str, taxonomy: str) -> tuple[dict[str, int], dict[str, int], int]:
    """Return the bit of each item, the bits of the items that each tag can give, and those of any tags.

    Most of a statement's items have none of their tags in a column; the bits leave them out at once.
    """
    known = rules(statement_type, taxonomy)
    bits = {item: 1 << place for place, item in enumerate(known)}
    parts = {item: [term for rule in each for term in rule.terms] for item, each in known.items()}
    of_items = dict(bits)  # an item, and the items whose formulas ask for it
    for _ in known:
        for item, terms in parts.items():
            for term in terms:
                if not term.is_tag and term.name in bits:
                    of_items[term.name] |= of_items[item]
    by_tag: defaultdict[str, int] = defaultdict(int)
    of_any = 0
    for item, each in known.items():
        tags = [r.tag for r in each if r.tag] + [t.name for t in parts[item] if t.is_tag]
        for tag in [*tags, *(_BANK_REVENUE if item == "revenue" else ())]:
            by_tag[tag] |= of_items[item]
        if item in _CASH_AT_ENDS or any(not rule.tag and not rule.terms for rule in each):
            of_any |= of_items[item]
    return bits, dict(by_tag), of_any


def _working_capital(facts: Mapping[str, float]) -> float | None:
    """Return the sum of all changes in working capital: assets negative, liabilities positive."""
    changes = {tag.removeprefix(_CHANGE): value for tag, value in facts.items() if tag.startswith(_CHANGE)}
    if len(changes) > 1:
        changes = {name: value for name, value in changes.items() if name not in _CHANGE_TOTALS} or changes
    if not changes:
        return None
    return sum(value if _is_liability(name) else -value for name, value in changes.items())


@lru_cache(maxsize=4096)
def _is_liability(name: str) -> bool:
    return bool(_LIABILITY.search(name)) and not (_RECEIVABLE.search(name) and "PayableNetOf" not in name)


def _correct_averages(values: dict[str, float]) -> tuple[str, ...]:
    """Correct weighted averages that were tagged in thousands, and remove those that are not positive.

    >>> values = {"net_income": 5e9, "eps": 2.5, "weighted_average_shares_outstanding": 2e6}
    >>> _correct_averages(values)
    ('weighted_average_shares_outstanding: 2000000 was tagged in thousands',)
    >>> values["weighted_average_shares_outstanding"]
    2000000000.0
    """
    corrections = []
    for item, per_share in _AVERAGES.items():
        shares = values.get(item)
        if shares is None:
            continue
        if shares <= 0:
            del values[item]
            corrections.append(f"{item}: {shares:.0f} is not positive")
            continue
        earnings = values.get(per_share, 0.0)
        if abs(earnings) >= MIN_CHECKED_EPS:
            ratio = values.get("net_income", 0.0) / earnings / shares
            if _IN_THOUSANDS[0] <= ratio <= _IN_THOUSANDS[1]:
                values[item] = shares * 1000.0
                corrections.append(f"{item}: {shares:.0f} was tagged in thousands")
    return tuple(corrections)


def _certain_zeros(statement_type: str, filing: FilingFacts, values: Mapping[str, float]) -> list[str]:
    """Return the items without a value that are 0: no tag of the whole filing is about them."""
    if statement_type == "cash_flow":
        return [
            item
            for item, (total, family) in _FAMILIES.items()
            if item not in values and total in values and not any(map(family.search, filing.tags))
        ]
    if statement_type != "balance_sheet" or "Liabilities" not in filing.tags:
        return []
    if any(_DEBT.search(tag) and not _NO_DEBT.search(tag) for tag in filing.tags):
        return []
    return [item for item in _DEBT_ITEMS if item not in values]
