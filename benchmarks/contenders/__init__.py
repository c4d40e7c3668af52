"""Scripts of contenders that are run as their users would run them."""
