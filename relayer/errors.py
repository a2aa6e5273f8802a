"""What a relayer refuses to start with."""


class WrongSetting(Exception):
    """A setting is missing or can't be used; it is named by its path in the file."""

    def __init__(self, *, setting: str, expected: str) -> None:
        super().__init__(f"{setting}: expected {expected}")
        self.setting = setting
        self.expected = expected
