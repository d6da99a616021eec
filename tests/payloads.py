"""Texts that would run a script, were they taken for part of a page. Each of them calls `alert` if it can."""

PAYLOADS = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</svg><img src=x onerror=alert(1)>",
    '" onload="alert(1)',
    "' autofocus onfocus='alert(1)",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "]]><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "--><script>alert(1)</script><!--",
)
