"""How many of something, in words that fit one and many. Pure."""


def counted(n: int, one: str, many: str = "") -> str:
    """Say how many: 1 item, 1,162 items."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"
