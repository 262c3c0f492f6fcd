"""Below which numbers a result is called unreliable. Light: the web process imports it."""

FEW_RESPONDENTS = 20
FEW_IN_CELL = 5
