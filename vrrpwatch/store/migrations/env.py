"""Run by alembic: applies the steps on the connection that the caller holds, in the transaction it began."""

from alembic import context
from sqlalchemy import Connection

from vrrpwatch.store.migrating import VERSION_TABLE
from vrrpwatch.store.tables import Base

connection = context.config.attributes["connection"]
if not isinstance(connection, Connection):
    raise TypeError("use vrrpwatch store upgrade")
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite can undo changes of tables as well, if it is let.
    transactional_ddl=True,
)
context.run_migrations()
