"""The shop's database: tables and transactions."""
