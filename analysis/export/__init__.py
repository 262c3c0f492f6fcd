"""Files: exactly the rows that `analysis.extract` streams, their codebook, and whole folders of both."""
