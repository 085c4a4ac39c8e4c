"""JSON Schemas of requests and answers, made from the types that read and write them.

msgspec does the work. What it cannot know is added here: defaults as JSON, aliases of an
enum's values, options of which at least one is required, and descriptions.
"""

from collections.abc import Callable
from copy import deepcopy
from enum import Enum
from types import GenericAlias
from typing import Annotated, Any, Union

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, Struct, defstruct

from engine.cost import Cost
from engine.explain import (
    Explanation,
    JobExplanation,
    Refusal,
    Stage,
    Step,
    TreeBranch,
    TreeSave,
    TreeStep,
)
from engine.ir import Access, Frame, Locality
from engine.schema import (
    ENDINGS,
    KINDS,
    TYPES,
    Align,
    Blend,
    Choice,
    Colour,
    CropGravity,
    Description,
    Direction,
    FilterName,
    FitType,
    Flag,
    Focus,
    Format,
    Gravity,
    Job,
    Length,
    Names,
    Number,
    Options,
    Priority,
    Quality,
    StoreOptions,
    Transform,
    option_schema,
)
from engine.sources import Facts, SourceFormat
from service.api.openapi.descriptions import field_description, type_description
from service.api.openapi.examples import TRANSFORMATIONS
from service.http import (
    CallbackStatus,
    Created,
    CreateProcess,
    CreateResult,
    JobCounts,
    JobError,
    JobStatus,
    Preset,
    PresetList,
    PresetSummary,
    Problem,
    ProcessList,
    ProcessStatus,
    ProcessSummary,
    RetryProcesses,
    RetryResult,
    SourceVersion,
)
from service.presets import PresetDefinition, PresetName, PresetStep
from service.settings import Settings

Schema = dict[str, Any]

REF = "#/components/schemas/{name}"
ENCODER_OPTIONS = tuple(KINDS.values())
REQUESTS: tuple[type[Struct], ...] = (
    CreateProcess, RetryProcesses, PresetDefinition, Focus, Job, StoreOptions, *TYPES.values(),
    PresetStep, *ENCODER_OPTIONS,
)  # fmt: skip
ANSWERS: tuple[type[Struct], ...] = (
    Created, CreateResult, RetryResult, Problem, ProcessStatus, JobStatus, Description, JobError,
    CallbackStatus,
    ProcessList, ProcessSummary, JobCounts,
    Preset, PresetList, PresetSummary,
    Explanation, JobExplanation, Refusal, Stage, Step, TreeBranch, TreeStep, TreeSave, Facts, Frame,
    Cost,
)  # fmt: skip
ENUMS: tuple[type[Enum], ...] = (
    Align, Blend, CropGravity, Direction, FilterName, FitType, Format, Gravity, Priority,
    SourceFormat, Locality, Access, SourceVersion,
)  # fmt: skip
ALIASES: dict[type[Enum], list[str]] = {
    CropGravity: ["middle"],
    Gravity: ["middle"],
    Format: [word for word, kind in ENDINGS.items() if word != kind.value],
}
REQUIRED_OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Blur": {"anyOf": ("sigma", "radius")},
    "Crop": {"anyOf": ("width", "height")},
    "FitMethod": {"anyOf": ("width", "height")},
    "Job": {"anyOf": ("transformations", "preset")},
    "PresetDefinition": {"anyOf": PresetDefinition.__struct_fields__},
    "Pad": {"anyOf": ("width", "top", "right", "bottom", "left")},
    "Resize": {"anyOf": ("width", "height")},
    "Zoom": {"anyOf": ("width", "height")},
    "Watermark": {"oneOf": ("source", "Source")},
}

NEEDED_BESIDE: dict[str, dict[str, list[str]]] = {
    "Annotation": {
        "padding": ["background"],
        "stroke_color": ["stroke_width"],
        "stroke_width": ["stroke_color"],
    },
    "Watermark": {"spacing": ["tile"]},
}


def build_schemas(settings: Settings) -> dict[str, Schema]:
    """Return the JSON Schema of every type by its name, with the limits of these settings."""
    _, schemas = msgspec.json.schema_components(
        (*_requests(settings), *ANSWERS), schema_hook=option_schema, ref_template=REF
    )
    for kind in (*REQUESTS, *ANSWERS):
        _complete_struct(schemas[kind.__name__], kind)
    _add_presets(schemas)
    for kind in ANSWERS:
        _complete_answer(schemas[kind.__name__], kind)
    for enum in ENUMS:
        _complete_enum(schemas[enum.__name__], enum)
    _name_the_union(schemas)
    _name_the_options(schemas)
    _add_preview(schemas)
    for name, schema in schemas.items():
        schema["description"] = type_description(name)
    return dict(sorted(schemas.items()))


def as_json(default: Any) -> Any:
    """Return a default as a client would write it in JSON."""
    write = next((WRITERS[kind] for kind in WRITERS if isinstance(default, kind)), None)
    return write(default) if write else msgspec.to_builtins(default)


WRITERS: dict[type, Callable[[Any], Any]] = {
    Number: lambda number: int(number) if number.is_integer() else float(number),
    Length: lambda length: int(length.amount) if length.unit == "px" else repr(length),
    Colour: lambda colour: "#" + bytes(colour[: 3 if colour[3] == 255 else 4]).hex(),
    Flag: bool,
    Choice: str,
    Quality: lambda quality: quality.json,
    Options: lambda options: dict(options.given),
    Names: lambda chosen: list(chosen.names),
}


def _requests(settings: Settings) -> tuple[Any, ...]:
    """Return the types of request bodies, with defaults and limits that msgspec can show."""
    transformation: Any = Union[tuple(map(_presentable, TYPES.values()))]  # noqa: UP007
    steps = _list_of(transformation, most=settings.max_transformations)
    jobs = _list_of(_presentable(Job, transformations=steps), least=1, most=settings.max_jobs)
    ids = _list_of(str, least=1, most=settings.max_retry_ids)
    bodies = (
        _presentable(CreateProcess, jobs=jobs),
        _presentable(RetryProcesses, process_ids=ids),
        _presentable(PresetDefinition, transformations=steps),
    )
    return *bodies, _presentable(PresetStep), *map(_presentable, ENCODER_OPTIONS)


def _list_of(kind: Any, *, most: int, least: int | None = None) -> Any:
    limits = Meta(min_length=least, max_length=most)
    hint: Any = Annotated[GenericAlias(tuple, (kind, ...)), limits]
    return hint


def _presentable(kind: type[Struct], **hints: Any) -> Any:
    """Return a struct like `kind` whose defaults are those of JSON, as msgspec needs them."""
    defaults = [
        (field.name, field.type, as_json(field.default))
        for field in msgspec.structs.fields(kind)
        if field.name not in hints and field.default not in (NODEFAULT, UNSET)
    ]
    return defstruct(
        kind.__name__,
        [*hints.items(), *defaults],
        bases=(kind,),
        namespace={"__doc__": kind.__doc__},
        kw_only=True,
    )


def _complete_struct(schema: Schema, kind: type[Struct]) -> None:
    """Describe each field, in the order of the struct, and say which are required."""
    name, properties = kind.__name__, schema["properties"]
    order = [field.encode_name for field in msgspec.structs.fields(kind)]
    described = {
        field: _describe(properties[field], field_description(name, field)) for field in order
    }
    if issubclass(kind, Transform):
        tag = str(kind.__struct_config__.tag)
        constant = {"type": "string", "const": tag, "description": "Selects the transformation."}
        described = {"type": constant, **described}
        schema["examples"] = [TRANSFORMATIONS[tag]] if tag in TRANSFORMATIONS else []
    schema["properties"] = described
    for keyword, names in REQUIRED_OPTIONS.get(name, {}).items():
        schema[keyword] = [{"title": f"with {field}", "required": [field]} for field in names]
    if name in NEEDED_BESIDE:
        schema["dependentRequired"] = NEEDED_BESIDE[name]


def _describe(schema: Schema, description: str) -> Schema:
    if "enum" in schema and "type" not in schema:
        kinds = {str: "string", int: "integer"}
        schema["type"] = kinds[type(schema["enum"][0])]
    takes = schema.get("description")
    return {**schema, "description": f"{description} Takes {takes}." if takes else description}


def _complete_answer(schema: Schema, kind: type[Struct]) -> None:
    """Say which fields are always present: an answer omits empty fields, or has none."""
    omits = kind.__struct_config__.omit_defaults
    if not omits:
        schema["required"] = list(schema["properties"])
    for field in schema["properties"].values():
        field.pop("default", None)
        if omits and {"type": "null"} in field.get("anyOf", ()):
            field.update(field.pop("anyOf")[0])


def _complete_enum(schema: Schema, enum: type[Enum]) -> None:
    values = [member.value for member in enum]
    schema.update(type="string", enum=[*values, *ALIASES.get(enum, ())])


def _name_the_union(schemas: dict[str, Schema]) -> None:
    of_job, of_preset = (
        schemas[name]["properties"]["transformations"] for name in ("Job", "PresetDefinition")
    )
    schemas["Transformation"] = {"title": "Transformation", **of_job["items"]}
    plain, step = ref("Transformation"), ref("PresetStep")
    of_preset["items"] = plain
    of_job["items"] = {"anyOf": [plain, step]}


def _add_presets(schemas: dict[str, Schema]) -> None:
    """Add what is put in its place before a job is read, and what a preset's answer holds."""
    job, definition = schemas["Job"], schemas["Preset"]["properties"]["definition"]
    job["properties"]["preset"] = _describe(PresetName.schema(), field_description("Job", "preset"))
    job["required"].remove("transformations")
    schemas["PresetDefinition"].pop("required", None)
    definition["$ref"] = ref("PresetDefinition")["$ref"]


def _add_preview(schemas: dict[str, Schema]) -> None:
    """Add a request of one job that needs no destination."""
    job, request = deepcopy(schemas["Job"]), deepcopy(schemas["CreateProcess"])
    job["required"].remove("destination")
    job["allOf"] = [
        {"anyOf": job.pop("anyOf")},
        {"anyOf": [{"required": ["destination"]}, {"required": ["format"]}]},
    ]
    request["properties"]["jobs"] |= {"items": ref("PreviewJob"), "maxItems": 1}
    job["title"], request["title"] = "PreviewJob", "PreviewRequest"
    schemas |= {"PreviewJob": job, "PreviewRequest": request}


def ref(name: str) -> Schema:
    """Refer to a type."""
    return {"$ref": REF.format(name=name)}


def _name_the_options(schemas: dict[str, Schema]) -> None:
    """Say what `options` may hold, by the format that is written."""
    options = schemas["Job"]["properties"]["options"]
    options.pop("default", None)  # which generators do not expect of an object
    options["anyOf"] = [ref(kind.__name__) for kind in ENCODER_OPTIONS]
