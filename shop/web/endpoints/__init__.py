"""The pages of endpoints, and their actions."""

from litestar.handlers import HTTPRouteHandler

from shop.web.endpoints import actions, pages, recovery, secret_rotation

handlers: list[HTTPRouteHandler] = [
    pages.show_endpoints,
    pages.stream_endpoints,
    pages.register,
    pages.show_endpoint,
    pages.stream_endpoint,
    actions.change_status,
    actions.show_edit,
    actions.edit,
    actions.send_test_event,
    actions.confirm_deletion,
    actions.delete,
    recovery.confirm_recovery,
    recovery.recover_endpoint,
    secret_rotation.confirm_rotation,
    secret_rotation.rotate_secret,
]
