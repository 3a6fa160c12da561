"""The URLs of images on a CDN."""

from urllib.parse import unquote, urlsplit

import pytest
from pipeline.urls import image_url

BASE = "https://images.example.com"


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("cats/tom.jpg", f"{BASE}/cats/tom.jpg"),
        ("a b+c%é.png", f"{BASE}/a%20b%2Bc%25%C3%A9.png"),
        ("50%25.jpg", f"{BASE}/50%2525.jpg"),
        ("a?b=c&d#e;f.jpg", f"{BASE}/a%3Fb%3Dc%26d%23e%3Bf.jpg"),
        ("'\"<>(),.jpg", f"{BASE}/%27%22%3C%3E%28%29%2C.jpg"),
        ("/a//b.jpg", f"{BASE}//a//b.jpg"),
        ("A-z_0.9~.jpg", f"{BASE}/A-z_0.9~.jpg"),
    ],
)
def test_all_but_slashes_and_unreserved_characters_is_encoded(key: str, url: str) -> None:
    assert image_url(BASE, key) == url
    assert unquote(urlsplit(url).path) == f"/{key}"
