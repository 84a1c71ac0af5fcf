"""Every route of the console: method, path, handler, permission, and where the permission must hold."""

import asyncio
from collections.abc import Mapping
from typing import Final

from ccfs.console import home
from ccfs.console.access import AccessScope, Handler, Route
from ccfs.console.admin import (
    callbacks,
    certificates,
    cluster,
    exports,
    ingest,
    location_moves,
    locations,
    questions,
    settings,
    status,
    users,
)
from ccfs.console.admin.audit import audit_export, audit_log
from ccfs.console.admin.tenants import account_targets, app_settings, apps
from ccfs.console.annotations import annotation_search, annotations
from ccfs.console.bulk import pages as bulk_downloads
from ccfs.console.call_list import columns, saved_searches
from ccfs.console.calls import call_page, csv_export, missing_recordings, search, suggestions
from ccfs.console.calls import questions as call_questions
from ccfs.console.links import guest_page, links_page
from ccfs.console.login import account, drafts, oidc_login, own_sessions, password
from ccfs.console.quality.routes import QUALITY_ROUTES
from ccfs.console.request import ConsoleRequest
from ccfs.console.statistics import agent_day, reports, wallboard
from ccfs.console.statistics import csv_export as statistics_csv
from ccfs.console.statistics import page as statistics
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response


async def _dispatch_player(request: ConsoleRequest) -> Response:
    handlers = await asyncio.to_thread(_load_player_handlers)
    return await handlers[request.http_request.path](request)


def _load_player_handlers() -> Mapping[str, Handler]:
    from ccfs.console.calls import player  # imports PyAV and numpy, a fifth of the start time, on first use

    return player.HANDLERS


async def _dispatch_links(request: ConsoleRequest) -> Response:
    handlers = await asyncio.to_thread(_load_link_handlers)
    return await handlers[request.http_request.path](request)


def _load_link_handlers() -> Mapping[str, Handler]:
    from ccfs.console.links import create, guest_audio  # import PyAV, as the player does

    return {"/console/links": create.create_link, "/console/guest/audio": guest_audio.play_link}


_SEARCH, _LISTEN, _DOWNLOAD = Permission.SEARCH, Permission.LISTEN, Permission.DOWNLOAD
_SHARE = Permission.SHARE
_EXPORT, _ADMINISTER = Permission.EXPORT, Permission.ADMINISTER
_AUDIT, _OPERATE = Permission.AUDIT, Permission.OPERATE
_GLOBAL, _ANYWHERE = AccessScope.GLOBAL, AccessScope.ANYWHERE
_WHOLE_APP, _APP, _ACCOUNT = AccessScope.WHOLE_APP, AccessScope.APP, AccessScope.ACCOUNT

ROUTES: Final = (
    Route("GET", "/console/login", password.show_login, is_public=True),
    Route("POST", "/console/login", password.login, is_public=True),
    Route("GET", "/console/setup", password.show_password_form, is_public=True),
    Route("POST", "/console/setup", password.set_password, is_public=True),
    Route("POST", "/console/language", password.choose_language, is_public=True),
    Route("GET", "/console/oidc", oidc_login.start_oidc_login, is_public=True),
    Route("GET", "/console/oidc/callback", oidc_login.handle_oidc_callback, is_public=True),
    Route("GET", "/console/oidc/logout", oidc_login.start_oidc_logout, is_public=True),
    Route("GET", "/console/guest", guest_page.show_guest_page, is_public=True),
    Route("POST", "/console/guest", guest_page.open_link, is_public=True, is_sessionless=True),
    Route("GET", "/console/guest/audio", _dispatch_links, is_public=True),
    Route("GET", "/console", home.redirect_home),
    Route("GET", "/console/", home.redirect_home),
    Route("GET", "/console/resume", drafts.show_draft),
    Route("POST", "/console/logout", password.logout),
    Route("GET", "/console/account", account.show_account),
    Route("POST", "/console/account/preferences", account.change_preferences),
    Route("POST", "/console/account/password", account.change_password),
    Route("POST", "/console/account/sessions", own_sessions.end_own_session),
    Route("POST", "/console/account/totp", account.start_totp_setup),
    Route("POST", "/console/account/totp/enable", account.enable_totp),
    Route("POST", "/console/account/totp/disable", account.disable_totp),
    Route("GET", "/console/calls", search.show_search, _SEARCH, _ANYWHERE),
    Route("GET", "/console/calls/suggest", suggestions.suggest, _SEARCH, _ACCOUNT),
    Route("GET", "/console/calls/csv", csv_export.download_calls_csv, _DOWNLOAD, _ACCOUNT),
    Route("POST", "/console/calls/columns", columns.choose_columns, _SEARCH, _ACCOUNT),
    Route("GET", "/console/saved-searches", saved_searches.list_saved_searches, _SEARCH, _ANYWHERE),
    Route("POST", "/console/saved-searches/save", saved_searches.save_private_search, _SEARCH, _ACCOUNT),
    Route("POST", "/console/saved-searches/share", saved_searches.save_shared_search, _ADMINISTER, _ACCOUNT),
    Route("POST", "/console/saved-searches/rename", saved_searches.rename_private_search, _SEARCH, _ACCOUNT),
    Route("POST", "/console/saved-searches/rename-shared", saved_searches.rename_shared_search, _ADMINISTER, _ACCOUNT),
    Route("POST", "/console/saved-searches/start", saved_searches.choose_start_search, _SEARCH, _ACCOUNT),
    Route(
        "POST",
        "/console/saved-searches/delete",
        saved_searches.delete_private_search,
        _SEARCH,
        _ACCOUNT,
        question=saved_searches.ask_delete_search,
    ),
    Route(
        "POST",
        "/console/saved-searches/unshare",
        saved_searches.delete_shared_search,
        _ADMINISTER,
        _ACCOUNT,
        question=saved_searches.ask_delete_search,
    ),
    Route("GET", "/console/missing-recordings", missing_recordings.show_missing_recordings, _SEARCH, _ANYWHERE),
    Route("GET", "/console/call", call_page.show_call, _SEARCH, _ACCOUNT),
    Route("GET", "/console/audio", _dispatch_player, _LISTEN, _ACCOUNT),
    Route("GET", "/console/waveform", _dispatch_player, _LISTEN, _ACCOUNT),
    Route("GET", "/console/download", _dispatch_player, _DOWNLOAD, _ACCOUNT),
    Route("POST", "/console/annotation", annotations.add_annotation, _LISTEN, _ACCOUNT),
    Route("POST", "/console/annotation/change", annotations.change_annotation, _LISTEN, _ACCOUNT),
    Route(
        "POST",
        "/console/annotation/delete",
        annotations.delete_annotation,
        _LISTEN,
        _ACCOUNT,
        question=call_questions.ask_delete_annotation,
    ),
    Route("GET", "/console/annotations", annotation_search.show_annotations, _LISTEN, _ANYWHERE),
    Route("GET", "/console/links", links_page.list_links, _SHARE, _ANYWHERE),
    Route("POST", "/console/links", _dispatch_links, _SHARE, _ACCOUNT),
    Route("GET", "/console/links/new", links_page.show_link_form, _SHARE, _ACCOUNT),
    Route("POST", "/console/links/switch", links_page.switch_links, _ADMINISTER, _ACCOUNT),
    Route(
        "POST",
        "/console/links/revoke",
        links_page.revoke_link,
        _SHARE,
        _ACCOUNT,
        question=links_page.ask_revoke_link,
    ),
    Route("GET", "/console/bulk-downloads", bulk_downloads.list_bulk_downloads, _DOWNLOAD, _ANYWHERE),
    Route("POST", "/console/bulk-downloads", bulk_downloads.create_bulk_download, _DOWNLOAD, _ACCOUNT),
    Route("GET", "/console/bulk-download", bulk_downloads.show_bulk_download, _DOWNLOAD, _ACCOUNT),
    Route(
        "POST",
        "/console/bulk-download",
        bulk_downloads.delete_bulk_download,
        _DOWNLOAD,
        _ACCOUNT,
        question=call_questions.ask_delete_bulk_download,
    ),
    Route("GET", "/console/bulk-download/zip", bulk_downloads.download_zip, _DOWNLOAD, _ACCOUNT),
    Route("GET", "/console/statistics", statistics.show_statistics, _SEARCH, _ANYWHERE),
    Route("GET", "/console/statistics/csv", statistics_csv.download_statistics_csv, _DOWNLOAD, _ACCOUNT),
    Route("GET", "/console/agent", agent_day.show_agent_day, _SEARCH, _ACCOUNT),
    Route("GET", "/console/team", agent_day.show_team, _SEARCH, _ANYWHERE),
    Route("GET", "/console/wallboard", wallboard.show_wallboard, _SEARCH, _ANYWHERE),
    Route("GET", "/console/reports", reports.list_reports, _DOWNLOAD, _ANYWHERE),
    Route("POST", "/console/reports", reports.schedule_report, _DOWNLOAD, _ACCOUNT),
    Route(
        "POST",
        "/console/reports/delete",
        reports.delete_report,
        _DOWNLOAD,
        _ACCOUNT,
        question=reports.ask_delete_report,
    ),
    *QUALITY_ROUTES,
    Route("GET", "/console/exports", exports.list_exports, _EXPORT, _ANYWHERE),
    Route("GET", "/console/export", exports.show_export, _EXPORT, _APP),
    Route("POST", "/console/export", exports.retry_export, _EXPORT, _APP),
    Route("GET", "/console/callbacks", callbacks.list_receivers, _EXPORT, _APP),
    Route("GET", "/console/callbacks/retry", callbacks.confirm_resend, _EXPORT, _APP),
    Route("POST", "/console/callbacks/retry", callbacks.resend_callbacks, _EXPORT, _APP),
    Route("GET", "/console/apps", apps.list_apps, _ADMINISTER, _ANYWHERE),
    Route("POST", "/console/apps/add", apps.add_app, _OPERATE, _GLOBAL),
    Route("POST", "/console/apps/account", apps.add_account, _ADMINISTER, _WHOLE_APP),
    Route("POST", "/console/apps/key", apps.add_key, _ADMINISTER, _WHOLE_APP),
    Route("POST", "/console/apps/revoke", apps.revoke_key, _ADMINISTER, _WHOLE_APP, question=questions.ask_revoke_key),
    Route(
        "POST",
        "/console/apps/revoke-older",
        apps.revoke_older_keys,
        _ADMINISTER,
        _WHOLE_APP,
        question=questions.ask_revoke_older_keys,
    ),
    Route("POST", "/console/apps/targets", account_targets.change_targets, _ADMINISTER, _ACCOUNT),
    Route("POST", "/console/apps/limits", apps.change_limits, _OPERATE, _GLOBAL),
    Route("GET", "/console/app", app_settings.show_app, _ADMINISTER, _WHOLE_APP),
    Route("POST", "/console/app/rename", app_settings.rename_app, _OPERATE, _GLOBAL),
    Route("POST", "/console/app/zone", app_settings.change_zone, _ADMINISTER, _WHOLE_APP),
    Route("POST", "/console/app/vdn", app_settings.change_vdn, _ADMINISTER, _WHOLE_APP),
    Route("POST", "/console/app/key", app_settings.describe_key, _ADMINISTER, _WHOLE_APP),
    Route("POST", "/console/app/callback", app_settings.bind_callback, _OPERATE, _GLOBAL),
    Route(
        "POST",
        "/console/app/callback/remove",
        app_settings.unbind_callback,
        _OPERATE,
        _GLOBAL,
        question=questions.ask_unbind_callback,
    ),
    Route("GET", "/console/audit", audit_log.show_audit_log, _AUDIT, _ANYWHERE),
    Route("GET", "/console/audit/csv", audit_export.download_csv, _AUDIT, _ANYWHERE),
    Route("GET", "/console/audit/jsonl", audit_export.download_json_lines, _AUDIT, _ANYWHERE),
    Route("GET", "/console/users", users.list_users, _OPERATE, _GLOBAL),
    Route("POST", "/console/users/add", users.add_user, _OPERATE, _GLOBAL),
    Route("POST", "/console/users/grant", users.grant_role, _OPERATE, _GLOBAL),
    Route("POST", "/console/users/revoke", users.revoke_role, _OPERATE, _GLOBAL, question=questions.ask_revoke_role),
    Route(
        "POST", "/console/users/disable", users.toggle_disabled, _OPERATE, _GLOBAL, question=questions.ask_disable_user
    ),
    Route(
        "POST", "/console/users/reset", users.reset_credentials, _OPERATE, _GLOBAL, question=questions.ask_reset_user
    ),
    Route("POST", "/console/users/sessions", own_sessions.end_sessions_of_user, _OPERATE, _GLOBAL),
    Route("GET", "/console/status", status.show_status, _OPERATE, _GLOBAL),
    Route("GET", "/console/ingest", ingest.show_ingest, _OPERATE, _GLOBAL),
    Route("POST", "/console/ingest/reread", ingest.request_reread, _OPERATE, _GLOBAL),
    Route("GET", "/console/cluster", cluster.show_cluster, _OPERATE, _GLOBAL),
    Route(
        "POST", "/console/cluster/node", cluster.set_node_state, _OPERATE, _GLOBAL, question=questions.ask_node_state
    ),
    Route(
        "POST",
        "/console/cluster/location",
        cluster.set_location_state,
        _OPERATE,
        _GLOBAL,
        question=questions.ask_location_state,
    ),
    Route("POST", "/console/cluster/location/add", locations.add_location, _OPERATE, _GLOBAL),
    Route(
        "POST",
        "/console/cluster/node/remove",
        locations.remove_node,
        _OPERATE,
        _GLOBAL,
        question=questions.ask_remove_node,
    ),
    Route(
        "POST",
        "/console/cluster/location/remove",
        locations.remove_location,
        _OPERATE,
        _GLOBAL,
        question=questions.ask_remove_location,
    ),
    Route("GET", "/console/cluster/moves", location_moves.show_moves, _OPERATE, _GLOBAL),
    Route(
        "POST",
        "/console/cluster/moves",
        location_moves.request_move,
        _OPERATE,
        _GLOBAL,
        question=location_moves.ask_move,
    ),
    Route(
        "POST",
        "/console/cluster/moves/state",
        location_moves.change_move,
        _OPERATE,
        _GLOBAL,
        question=location_moves.ask_change_move,
    ),
    Route("GET", "/console/settings", settings.show_settings, _OPERATE, _GLOBAL),
    Route("POST", "/console/settings/certificates/add", certificates.add_certificate, _OPERATE, _GLOBAL),
    Route(
        "POST",
        "/console/settings/certificates/remove",
        certificates.remove_certificate,
        _OPERATE,
        _GLOBAL,
        question=questions.ask_remove_certificate,
    ),
    Route("POST", "/console/settings/certificates/import", certificates.import_key_store, _OPERATE, _GLOBAL),
)
_BY_KEY: Final = {route.key: route for route in ROUTES}


def find_route(method: str, path: str) -> Route | None:
    """Return the route of a method and path; HEAD is GET."""
    return _BY_KEY.get(("GET" if method == "HEAD" else method, path))
