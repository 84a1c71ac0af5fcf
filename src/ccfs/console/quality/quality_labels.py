"""English labels of quality management. The catalogues translate them."""

from typing import Final

from ccfs.model.quality.evaluation import EvaluationState
from ccfs.model.quality.evaluation_form import NO, NOT_APPLICABLE, YES, CriticalEffect
from ccfs.model.quality.sampling import SamplingPeriod

EVALUATION_STATES: Final = {
    EvaluationState.DRAFT: "Draft",
    EvaluationState.SUBMITTED: "Submitted",
    EvaluationState.ACKNOWLEDGED: "Acknowledged",
    EvaluationState.DISPUTED: "Disputed",
}
CRITICAL_EFFECTS: Final = {
    CriticalEffect.NONE: "Not critical",
    CriticalEffect.SECTION: "Fails the section",
    CriticalEffect.FORM: "Fails the form",
}
ANSWERS: Final = {YES: "Yes", NO: "No", NOT_APPLICABLE: "Not applicable"}
SAMPLING_PERIODS: Final = {SamplingPeriod.DAY: "Day", SamplingPeriod.WEEK: "Week"}
