"""``isthmus demo integrity``: poverty-relief funds between chains of several levels."""

from demos.integrity.scenario import IntegrityDemo

DEMO = IntegrityDemo()
