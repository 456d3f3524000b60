"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass, field

KEPT = 1_000  # a forged log of a million rows is not a million sentences


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a row (of an execution; None: of the desk's chain) or a checkpoint."""

    execution_id: int | None
    seq: int | None
    message: str
    checkpoint: int | None = None

    def __str__(self) -> str:
        if self.checkpoint is not None:
            return f"checkpoint {self.checkpoint}: {self.message}"
        where = "the desk" if self.execution_id is None else f"execution {self.execution_id}"
        return f"{where}, row {self.seq}: {self.message}"


@dataclass
class Report:
    """What was read and what is wrong with it: rows by execution and number, then checkpoints."""

    rows: int = 0
    chains: int = 0
    checkpoints: int = 0
    sealed: int = 0  # rows under a checkpoint
    wrong: int = 0  # how many findings there are; the first KEPT are listed
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.wrong

    def add(self, finding: Finding) -> None:
        self.wrong += 1
        if len(self.findings) < KEPT:
            self.findings.append(finding)
