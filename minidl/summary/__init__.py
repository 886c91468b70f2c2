"""What a network is made of: its layers with output sizes, parameters, multiply-adds, memory and receptive fields."""

from .rows import Row, summarize
from .table import format_summary

__all__ = ["Row", "format_summary", "summarize"]
