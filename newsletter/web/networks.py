"""Tells which network a request comes from: near enough to stop machines, too far to name a person."""

from ipaddress import ip_address, ip_network

from starlette.requests import Request

#: What one household or office has of each kind of address.
_PREFIX = {4: 24, 6: 64}


def network_of(request: Request, *, behind_proxy: bool) -> str:
    """Return the network of a request, such as 192.0.2.0/24; empty when there is none.

    Args:
        request: Whatever came in.
        behind_proxy: Whether the last entry of X-Forwarded-For is our own proxy's word. Else the header is anybody's.
    """
    address = request.client.host if request.client else ""
    if behind_proxy:
        address = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or address
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return str(ip_network(f"{ip}/{_PREFIX[ip.version]}", strict=False))
