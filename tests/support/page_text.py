"""What can be read on a page of the console."""

import re


def readable(page: str) -> str:
    """The text of a page's HTML in one line, without its marks."""
    inside = re.sub(r"<script.*?</script>|<head>.*?</head>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", inside).replace("&#39;", "'").replace("&#34;", '"').split())
