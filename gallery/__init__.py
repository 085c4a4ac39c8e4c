"""The gallery: every transformation and every option, before and after, as one page."""
