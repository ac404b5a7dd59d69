"""The dashboard host: an authenticating reverse proxy in front of one sandboxed process per dashboard
version.

A dashboard is code of its author, running in the browser of its viewer. It is therefore shown in a frame
with an opaque origin (no cookies, no storage, no access to the hub's pages), and reaches its process by a
capability in the path that belongs to one viewer's session. Every request and every WebSocket is checked
against the hub's identity and the shares; open WebSockets are closed when access is withdrawn.
"""
