"""Django's PostgreSQL backend, with a look at each pooled connection before it is used."""
