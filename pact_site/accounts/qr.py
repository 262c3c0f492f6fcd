"""A QR code as one path of an inline SVG: no style attribute, no data address, so the strict policy holds."""

from __future__ import annotations


def qr_svg(text: str, label: str) -> str:
    """Draw dark on white whatever the page's colours are, with the quiet zone that readers need."""
    from qrcode.constants import ERROR_CORRECT_M  # with it comes an image library, which web processes need not hold
    from qrcode.main import QRCode

    code: QRCode[object] = QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(text)
    rows = code.get_matrix()
    size = len(rows)
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return (
        f'<svg class="qr" viewBox="0 0 {size} {size}" role="img" aria-label="{label}" shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )
