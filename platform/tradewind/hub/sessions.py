"""What the hub's database holds of a user who is signed in: sessions, and being an administrator."""

from typing import Any

from jupyterhub import orm
from jupyterhub.utils import new_token

from tradewind.hub.rights import ADMINISTRATORS


def end(user: Any) -> None:
    """Sign a user out everywhere: browser sessions of the hub and of every service; API tokens stay.

    Parameters
    ----------
    user
        The hub's user.
    """
    orm_user = user.orm_user
    orm_user.cookie_id = new_token()
    for token in user.db.query(orm.APIToken).filter_by(user_id=orm_user.id):
        if token.session_id:
            user.db.delete(token)
    user.db.commit()


def join_administrators(user: Any) -> None:
    """Put a user into the group of administrators, or out of it, as the hub's own flag says.

    Parameters
    ----------
    user
        The hub's user.
    """
    orm_user = user.orm_user
    group = orm.Group.find(user.db, ADMINISTRATORS)
    if group is None or (group in orm_user.groups) == bool(orm_user.admin):
        return
    if orm_user.admin:
        orm_user.groups.append(group)
    else:
        orm_user.groups.remove(group)
    user.db.commit()
