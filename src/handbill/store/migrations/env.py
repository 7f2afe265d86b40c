"""How Alembic runs our migrations: on the connection that `handbill.store.migrate` opened."""

from alembic import context

from handbill.store.tables import metadata

connection = context.config.attributes["connection"]
# SQLite cannot alter a table in place: batch mode makes a new one and copies.
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
