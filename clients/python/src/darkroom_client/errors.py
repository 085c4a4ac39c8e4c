"""What the client raises."""


class DarkroomError(Exception):
    """The answer was an error; `code` is stable, `message` is for people.

    `path` names the field that is wrong, if there is one; quote `request_id` to your operator.
    """

    def __init__(
        self, status: int, code: str, message: str, path: str | None, request_id: str | None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.request_id = request_id
