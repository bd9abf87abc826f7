"""A resident's record as FHIR R4 (4.0.1) resources, for clinicians and other systems. Reads nothing, decides nothing.

`record` is what is told, `elements` and `resources` are the shapes of the standard, the other modules say one in terms
of the other. `export` asks the store page by page and writes. docs/fhir.md is the mapping.
"""
