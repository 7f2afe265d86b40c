"""Where everything is kept: tables, connection and migrations, on SQLite and PostgreSQL alike."""
