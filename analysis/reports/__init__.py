"""The named analyses of a study: one snapshot of its data in; tables by family, facts and warnings out.

One module per family; `families` lists them in the order of the results page.
"""

from analysis.reports.families import Report, compute, compute_from

__all__ = ["Report", "compute", "compute_from"]
