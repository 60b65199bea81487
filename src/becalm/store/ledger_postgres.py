"""The ledger on PostgreSQL: inserts by many, sealed in order by one."""
