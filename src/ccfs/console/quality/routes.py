"""The routes of quality management: evaluation forms, scoring, sampling, calibration, and agents' own evaluations."""

from typing import Final

from ccfs.console.access import AccessScope, Route
from ccfs.console.quality import (
    calibration,
    evaluation_list,
    evaluation_page,
    forms,
    own_evaluations,
    sampling,
    scoring,
)
from ccfs.model.identity.user import Permission

_EVALUATE, _OWN_EVALUATIONS, _ADMINISTER = Permission.EVALUATE, Permission.VIEW_OWN_EVALUATIONS, Permission.ADMINISTER
_ANYWHERE, _ACCOUNT = AccessScope.ANYWHERE, AccessScope.ACCOUNT

QUALITY_ROUTES: Final = (
    Route("GET", "/console/evaluations", evaluation_list.show_evaluations, _EVALUATE, _ANYWHERE),
    Route("GET", "/console/evaluations/csv", evaluation_list.download_evaluations_csv, _EVALUATE, _ACCOUNT),
    Route("GET", "/console/evaluation", evaluation_page.show_evaluation, _EVALUATE, _ACCOUNT),
    Route("POST", "/console/evaluation", scoring.save_evaluation, _EVALUATE, _ACCOUNT),
    Route("POST", "/console/evaluation/start", scoring.start_evaluation, _EVALUATE, _ACCOUNT),
    Route("POST", "/console/evaluation/draft", scoring.autosave_draft, _EVALUATE, _ACCOUNT),
    Route(
        "POST",
        "/console/evaluation/delete",
        scoring.delete_draft,
        _EVALUATE,
        _ACCOUNT,
        question=scoring.ask_delete_draft,
    ),
    Route("GET", "/console/evaluation-forms", forms.list_forms, _EVALUATE, _ANYWHERE),
    Route("GET", "/console/evaluation-form", forms.show_form, _EVALUATE, _ACCOUNT),
    Route("GET", "/console/evaluation-form/edit", forms.edit_form, _ADMINISTER, _ACCOUNT),
    Route("POST", "/console/evaluation-form/edit", forms.save_form, _ADMINISTER, _ACCOUNT),
    Route(
        "POST",
        "/console/evaluation-form/retire",
        forms.toggle_retired,
        _ADMINISTER,
        _ACCOUNT,
        question=forms.ask_retire_form,
    ),
    Route("GET", "/console/to-score", sampling.show_calls_to_score, _EVALUATE, _ANYWHERE),
    Route("POST", "/console/to-score/skip", sampling.skip_call, _EVALUATE, _ACCOUNT),
    Route("GET", "/console/sampling-rules", sampling.list_rules, _ADMINISTER, _ANYWHERE),
    Route("POST", "/console/sampling-rules", sampling.add_rule, _ADMINISTER, _ACCOUNT),
    Route(
        "POST",
        "/console/sampling-rules/delete",
        sampling.delete_rule,
        _ADMINISTER,
        _ACCOUNT,
        question=sampling.ask_delete_rule,
    ),
    Route("GET", "/console/calibrations", calibration.list_calibrations, _EVALUATE, _ANYWHERE),
    Route("GET", "/console/calibration/new", calibration.show_new_calibration, _EVALUATE, _ACCOUNT),
    Route("POST", "/console/calibration/new", calibration.start_calibration, _EVALUATE, _ACCOUNT),
    Route("GET", "/console/calibration", calibration.show_calibration, _EVALUATE, _ACCOUNT),
    Route("POST", "/console/calibration/score", calibration.score_calibration, _EVALUATE, _ACCOUNT),
    Route(
        "POST",
        "/console/calibration/close",
        calibration.close_calibration,
        _EVALUATE,
        _ACCOUNT,
        question=calibration.ask_close_calibration,
    ),
    Route("GET", "/console/my-evaluations", own_evaluations.list_own_evaluations, _OWN_EVALUATIONS, _ANYWHERE),
    Route("GET", "/console/my-evaluation", own_evaluations.show_own_evaluation, _OWN_EVALUATIONS, _ACCOUNT),
    Route("POST", "/console/my-evaluation", own_evaluations.respond, _OWN_EVALUATIONS, _ACCOUNT),
)
