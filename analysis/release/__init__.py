"""The release of a study: one frozen, de-identified, described folder of files that needs no database."""
