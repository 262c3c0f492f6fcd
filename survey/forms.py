"""What researchers enter about a study."""

from django import forms

from survey.domain.quotas import CellLimits

MOST = 100_000


class ReasonForm(forms.Form):
    """Why something is changed; kept with the change."""

    reason = forms.CharField(max_length=300, required=False)


class CellForm(ReasonForm):
    """The numbers of one quota cell."""

    target = forms.IntegerField(min_value=0, max_value=MOST)
    over_target = forms.IntegerField(min_value=0, max_value=MOST)
    soft_limit = forms.IntegerField(min_value=0, max_value=MOST, required=False)
    is_open = forms.BooleanField(required=False)

    def limits(self) -> CellLimits:
        return CellLimits(**{name: self.cleaned_data[name] for name in CellLimits._fields})
