"""Evaluation forms of an account: list, view, edit, retire."""

from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.forms.confirmation import Question
from ccfs.console.quality.form_fields import (
    ANSWER_KINDS,
    FormFields,
    build_content,
    change_rows,
    read_fields,
    show_content,
)
from ccfs.console.quality.objects import MAX_VERSION, find_form, parse_id
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant.quality import evaluation_forms
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.quality.evaluation_form import (
    MAX_FORMS,
    MAX_NAME_LENGTH,
    MAX_QUESTION_LENGTH,
    MAX_QUESTIONS,
    MAX_SECTIONS,
    EvaluationForm,
    FormContent,
)
from ccfs.web.responses.types import BytesResponse, Response


async def list_forms(request: ConsoleRequest) -> Response:
    """Show the forms of an account."""
    scopes = await request.list_scopes(Permission.EVALUATE)
    if not scopes:
        return render_no_accounts(request)
    scope = choose_scope(request, scopes)
    forms = await request.context.query(
        lambda c: evaluation_forms.list_by_account(c, scope.app, scope.account.account_id)
    )
    may_change = request.has_permission_in(Permission.ADMINISTER, scope)
    return request.render_page("evaluation_forms.html", scopes=scopes, scope=scope, forms=forms, may_change=may_change)


async def show_form(request: ConsoleRequest) -> Response:
    """Show a form, in its newest version or the one that the query names."""
    parameters, scope = request.query_params, request.current_scope
    version = parse_id(parameters, "version", MAX_VERSION) if "version" in parameters else None
    form = await find_form(request, parse_id(parameters, "id"), version)
    may_change = request.has_permission_in(Permission.ADMINISTER, scope)
    return request.render_page("evaluation_form.html", scope=scope, form_view=form, may_change=may_change)


async def edit_form(request: ConsoleRequest) -> Response:
    """Show the editor with a new form, or with the newest version of one."""
    if "id" not in request.query_params:
        return _render_editor(request, FormFields())
    form = await find_form(request, parse_id(request.query_params, "id"))
    return _render_editor(request, show_content(form.content), form)


async def save_form(request: ConsoleRequest) -> Response:
    """Store a form as a new one, or as a new version. Other buttons of the editor only change its rows."""
    sent, fields = request.form, read_fields(request.form)
    base = await _find_base(request) if "id" in sent else None
    command = sent.get("do", "save")
    if command != "save":
        change_rows(fields, command)
        return _render_editor(request, fields, base)
    content, problems = build_content(fields, request.translate)
    if content is None:
        return _render_editor(request, fields, base, problems, 400)
    if base is not None and base.content == content:
        return _redirect_to_form(request, base.id)
    form_id, problem = await request.context.transaction(lambda c: _store(c, request, content, base))
    if form_id is None:
        return _render_editor(request, fields, base, {"": problem}, 400)
    return _redirect_to_form(request, form_id)


async def _find_base(request: ConsoleRequest) -> EvaluationForm:
    """Return the version that the editor was opened with."""
    return await find_form(request, parse_id(request.form, "id"), parse_id(request.form, "version", MAX_VERSION))


def _store(
    connection: Connection, request: ConsoleRequest, content: FormContent, base: EvaluationForm | None
) -> tuple[int | None, str]:
    """Add a form or a version. Return the form's id, or None and the reason why it was not added."""
    scope, author, now = request.current_scope, request.current_user.name, request.context.now()
    if base is None:
        form_id = evaluation_forms.add(connection, scope.app, scope.account.account_id, content, author, now)
        problem = request.translate("An account can have up to {most} evaluation forms.", most=MAX_FORMS)
        action, target = AuditAction.EVALUATION_FORM_ADDED, content.name
    else:
        is_added = evaluation_forms.add_version(connection, scope.app, base, content, author, now)
        form_id = base.id if is_added else None
        problem = request.translate("Another user has changed this form in the meantime. Open it again.")
        action, target = AuditAction.EVALUATION_FORM_CHANGED, f"{content.name} v{base.version + 1}"
    if form_id is not None:
        audit.add(connection, request.build_audit_entry(action, target, scope))
    return form_id, problem


async def ask_retire_form(request: ConsoleRequest) -> Question | None:
    """Ask before a form is retired; using it again harms nothing."""
    form, t = await find_form(request, parse_id(request.form, "id")), request.translate
    if form.is_retired:
        return None
    query = urlencode({"account": request.current_scope.name})
    return Question(
        title=t("Retire the form {name}?", name=form.name),
        consequences=(
            t("It can no longer be used to score calls, and its sampling rules draw no more calls."),
            t("Its evaluations are kept, and drafts can still be submitted. You can restore the form at any time."),
        ),
        action=t("Retire"),
        cancel_path=f"/console/evaluation-forms?{query}",
    )


async def toggle_retired(request: ConsoleRequest) -> Response:
    """Retire a form, or restore a retired one."""
    scope, form = request.current_scope, await find_form(request, parse_id(request.form, "id"))
    action = AuditAction.EVALUATION_FORM_RESTORED if form.is_retired else AuditAction.EVALUATION_FORM_RETIRED

    def change(connection: Connection) -> None:
        if not evaluation_forms.set_retired(connection, scope.app, form, is_retired=not form.is_retired):
            raise NotFound
        audit.add(connection, request.build_audit_entry(action, form.name, scope))

    await request.context.transaction(change)
    return request.redirect("/console/evaluation-forms", account=scope.name)


def _render_editor(
    request: ConsoleRequest,
    fields: FormFields,
    form: EvaluationForm | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
) -> BytesResponse:
    return request.render_page(
        "evaluation_form_editor.html",
        status,
        scope=request.current_scope,
        fields=fields,
        form_view=form,
        problems=problems or {},
        kinds=ANSWER_KINDS,
        limits={
            "name": MAX_NAME_LENGTH,
            "text": MAX_QUESTION_LENGTH,
            "sections": MAX_SECTIONS,
            "questions": MAX_QUESTIONS,
        },
    )


def _redirect_to_form(request: ConsoleRequest, form_id: int) -> Response:
    return request.redirect("/console/evaluation-form", account=request.current_scope.name, id=str(form_id))
