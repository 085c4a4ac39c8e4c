"""What the commands of ImageMagick and GraphicsMagick have in common."""

from bench.contenders.protocol import Step

GRAVITY = {"southeast": "SouthEast", "center": "Center"}
GEOMETRIC = {"resize", "crop", "fitmethod"}
PERCENT = 100 / 255


def arguments_alike(step: Step) -> list[object]:
    """Return the arguments of a step that both write alike; none for any other step."""
    match step:
        case {"type": "resize", "width": width}:
            return ["-thumbnail", f"{width}x"]
        case {"type": "crop", "width": width, "height": height} | {
            "type": "fitmethod",
            "fit_type": "cropbox",
            "width": width,
            "height": height,
        }:
            box = f"{width}x{height}"
            return ["-resize", f"{box}^", "-gravity", "center", "-extent", box]
        case {"type": "fitmethod", "fit_type": "letterbox", "width": width, "height": height}:
            box = f"{width}x{height}"
            paper = ["-background", step["color"], "-gravity", "center"]
            return ["-resize", box, *paper, "-extent", box]
        case {"type": "filter", "filter": "negate"}:
            return ["-negate"]
        case {"type": "blur", "sigma": sigma}:
            return ["-blur", f"{step.get('radius', 0)}x{sigma}"]
    return []
