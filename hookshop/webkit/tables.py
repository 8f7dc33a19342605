"""Columns of the tables that webkit needs in the database of each application.

An application's model inherits them together with the application's own base class.
"""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class LoginSessionColumns(SQLModel):
    """A person who is logged in: see ``webkit.sessions``. The token itself is not stored."""

    token_hash: str = Field(primary_key=True)
    created_at: datetime
    expires_at: datetime


class FormAnswerColumns(SQLModel):
    """The encrypted response to a form, for a browser that sends the form twice.

    See ``webkit.double_submit``. ``expires_at``: Unix seconds.
    """

    key: str = Field(primary_key=True)
    expires_at: int = Field(sa_type=BigInteger)
    answer: str
