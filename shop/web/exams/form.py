"""The form that starts an exam."""

from dataclasses import dataclass, field
from typing import ClassVar

from hookshop.webkit.forms import Form
from hookshop.webkit.plain_text import sentence
from shop.exam.case import Scheme
from shop.exam.in_process import Examinee
from shop.web.exams.request import ExamRequest, InvalidExam
from shop.webhooks.rules.url_policy import UrlPolicy

SCHEMES = (
    (Scheme.STANDARD.value, "the signature (webhook-* headers)"),
    (Scheme.TOKEN.value, "the bearer token"),
    (Scheme.BOTH.value, "both"),
)


@dataclass(slots=True)
class ExamForm:
    """What was entered. The secret is not shown again. ``errors``: messages by field."""

    url: str = ""
    secret: str = ""
    scheme: str = Scheme.STANDARD.value
    probe_url: str = ""
    probe_token: str = ""
    is_quick: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    schemes: ClassVar = SCHEMES

    @classmethod
    def read(cls, form: Form) -> "ExamForm":
        """Return what was entered."""
        return cls(
            form.text("url"),
            form.text("secret"),
            scheme=form.text("scheme"),
            probe_url=form.text("probe_url"),
            probe_token=form.text("probe_token"),
            is_quick="quick" in form.texts("options"),
        )

    def examinee(self, policy: UrlPolicy) -> Examinee | None:
        """Return whom to examine, or None with the reason in ``errors``."""
        scheme = self.scheme if self.scheme in list(Scheme) else Scheme.STANDARD
        wanted = ExamRequest(
            self.url,
            self.secret,
            scheme=Scheme(scheme),
            probe_url=self.probe_url,
            probe_token=self.probe_token,
            is_quick=self.is_quick,
            rotates=not self.is_quick,
        )
        try:
            return wanted.examinee(policy)
        except InvalidExam as error:
            self.errors[error.field] = sentence(str(error))
            return None
