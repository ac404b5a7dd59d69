"""Reports for people who were not there: one self-contained HTML file."""

from tradewind.report.factors import write_factor_report
from tradewind.report.page import report_html, write_report

__all__ = ["report_html", "write_factor_report", "write_report"]
