"""Campaign tests: invented people, a clock that stands still, and what each of them gets; nothing leaves."""
