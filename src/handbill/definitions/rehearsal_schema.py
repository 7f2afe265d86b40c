"""The shape of a campaign test as a JSON Schema, made from the models that read it."""

from handbill.definitions.json_schema import schema_of_file
from handbill.definitions.rehearsal import RehearsalFile
from handbill.definitions.scalar_schemas import LINE, Schema


def rehearsal_schema() -> Schema:
    """The JSON Schema of a file that ends in .campaign-test.yaml; a persona has contact fields of any name."""
    schema = schema_of_file(RehearsalFile, "Handbill: a campaign test")
    persona = schema["definitions"]["Persona"]
    persona["additionalProperties"] = {"description": "A contact field, such as first_name.", **LINE}
    return schema
