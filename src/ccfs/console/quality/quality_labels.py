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
SAMPLING_PERIODS: Final = {SamplingPeriod.DAY: "day", SamplingPeriod.WEEK: "week"}
EVALUATION_HEADINGS: Final = {  # of the CSV file
    "evaluation": "Evaluation",
    "call": "Call ID",
    "begin": "Start",
    "agent": "Agent",
    "form": "Evaluation form",
    "version": "Form version",
    "scorer": "Scorer",
    "state": "State",
    "revision": "Revision",
    "evaluated_at": "Evaluated",
    "utc_offset": "UTC offset",
    "score": "Score (%)",
    "failed": "Critical failure",
    "comment": "Scorer's comment",
    "response": "Agent's response",
    "responded_at": "Responded",
    "calibration": "Calibration",
    "answers": "Answers",
}
