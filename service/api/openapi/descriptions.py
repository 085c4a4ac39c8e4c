"""What each type and field means to a client; the types themselves give the accepted values."""

from service.api.openapi.answer_descriptions import ANSWER_FIELDS, ANSWER_TYPES

SIDES = "When only one side is given, the other follows from the aspect ratio."

REQUEST_TYPES = {
    # requests
    "CreateProcess": "A source and the jobs to do with it.",
    "RetryProcesses": "The processes to retry.",
    "PreviewRequest": "A source and the one job to preview.",
    "PreviewJob": "A job whose destination may be left out if it has a `format`.",
    "PresetDefinition": "The part of a job that a preset stands for. At least one field is "
    "required.",
    "Job": "One result: where it is stored, how it is made, how it is encoded.",
    "Transformation": "One step of a job. `type` says which.",
    "Priority": "Processes of a higher priority are started first.",
    "SourceVersion": "Of processes that overwrite their source or a watermark. `recorded`: a job "
    "fails if the file is not the one that the process read first. `new`: what is there now is "
    "used.",
    "Mode": "How closely results follow the unoptimised pipeline: `exact` is identical bit for "
    "bit, `balanced` is faster and stays within stated tolerances.",
    "Damaged": "What becomes of a job whose images are damaged.",
    # transformations
    "Annotation": "Draws text over the image. A line feed starts a new line.",
    "PresetStep": "Stands for the transformations of a preset.",
    "Blur": "A Gaussian blur. At least one of `sigma` and `radius` is required.",
    "Brightness": "Adds a constant to every channel.",
    "Colorize": "Adds a constant to each channel.",
    "Contrast": "Raises or lowers the contrast.",
    "Crop": "Cuts a window out of the image. At least one of `width` and `height` is required.",
    "Enhance": "Reduces noise in a window of 5 × 5 pixels.",
    "Filter": "Applies a filter by its name.",
    "FitMethod": "Fits the image into a box. At least one of `width` and `height` is required.",
    "Focus": "A point of the image, as shares of its width and height.",
    "Flip": "Mirrors the image.",
    "Gamma": "Brightens or darkens the middle tones; black and white stay.",
    "Modulate": "Changes brightness, saturation and hue, by the formulas of CSS.",
    "Normalize": "Stretches each channel so that its 1st and 99th percentile become 0 and 255.",
    "Pad": "Adds margins. An image with alpha lies on the canvas. At least one margin is required.",
    "Pixelate": "Makes each square block the mean of its pixels.",
    "Resize": "Scales the image. At least one of `width` and `height` is required.",
    "Rotate": "Rotates the image clockwise.",
    "Round": "Makes the corners outside of circles transparent.",
    "Sharpen": "Sharpens with an unsharp mask.",
    "Trim": "Removes a border of one colour.",
    "Ulb": "Un-letterbox: removes near-black bars at the top and the bottom.",
    "Watermark": "Draws another image over this one.",
    "Zoom": "Scales the image for dense screens. At least one of `width` and `height` is required.",
    "Direction": "`x` and `horizontal` mirror left and right, `y` and `vertical` top and bottom.",
    "Align": "Where lines stand in their box.",
    "Blend": "A blend mode of W3C Compositing and Blending.",
    "FilterName": "The name of a filter.",
    "FitType": "How an image is fitted into a box.",
    "CropGravity": "An edge, a corner, the centre, or where the image draws the most attention "
    "(`smart`). `middle` means `center`.",
    "Gravity": "An edge, a corner or the centre. `middle` means `center`.",
    "Format": "A format that can be written. `jpg`, `jpe` and `tif` are accepted too.",
    "StoreOptions": "What an object storage keeps with a result and serves it by.",
    # options of formats
    "JpegOptions": "Options of the JPEG encoder.",
    "PngOptions": "Options of the PNG encoder.",
    "WebpOptions": "Options of the WebP encoder.",
    "AvifOptions": "Options of the AVIF encoder.",
    "GifOptions": "Options of the GIF encoder.",
    "TiffOptions": "Options of the TIFF encoder.",
}

REQUEST_FIELDS = {
    # shared by several transformations
    "gravity": "Where it is placed. `middle` means `center`.",
    "width": f"Width of the result. {SIDES}",
    "height": f"Height of the result. {SIDES}",
    "xoffset": "Horizontal shift from the place that `gravity` gives: inwards from an edge, to the "
    "right from the centre. Percentages are of the image's width.",
    "yoffset": "Vertical shift from the place that `gravity` gives: inwards from an edge, down "
    "from the centre. Percentages are of the image's height.",
    "focus": "The point of the image that the window is centred on, as near as the edges allow. "
    "Only where a window is cropped from a scaled image; excludes `gravity`.",
    "enlarge": "Whether the image may grow. If not, no side does.",
    "Focus.x": "Share of the image's width, from the left.",
    "Focus.y": "Share of the image's height, from the top.",
    # requests
    "CreateProcess.service_id": "The id of your service; it must be the one of the token.",
    "CreateProcess.source": "The image to transform.",
    "CreateProcess.jobs": "What to make of the source. Each job has a destination of its own.",
    "CreateProcess.callback": "An http or https URL to which the final status is POSTed, signed.",
    "CreateProcess.priority": "Processes of a higher priority are started first.",
    "Job.destination": "Where the result is stored: a path in your storage. Its extension selects "
    "the format, unless `format` does.",
    "Job.transformations": "The steps, in this order; each works on the result of the one before. "
    "An empty list only converts the format.",
    "Job.quality": "Quality of lossy formats. Fractions are dropped; 0 means 1. `auto` searches "
    "the lowest one that keeps `min_ssim`, or the highest one that keeps to `max_bytes`.",
    "Job.min_ssim": "The SSIM of luma that a searched quality keeps, against the result before "
    "encoding; 0.98 if neither this nor `max_bytes` is given. Needs `quality` `auto`.",
    "Job.max_bytes": "The most bytes that a JPEG, WebP or AVIF may have. The quality is lowered as "
    "far as necessary; the job fails with `bytes_exceeded` if no quality is low enough.",
    "Job.format": "The format to write, whatever the extension of the destination is.",
    "Job.describe": "What status and callback tell of the result: placeholders and colours.",
    "Job.store": "What S3 keeps with the result. A service whose storage is a folder rejects it, "
    "unless its operator lets it be ignored. What is not given is as the service has it.",
    "StoreOptions.cache_control": "The `Cache-Control` that the object is served with.",
    "StoreOptions.content_disposition": "The `Content-Disposition` that the object is served with.",
    "StoreOptions.metadata": "Strings by name, served as `x-amz-meta-NAME`. Names are lower-cased, "
    "and added to those that the service has. Names and values have at most 2,048 bytes together.",
    "StoreOptions.acl": "The canned ACL of the object.",
    "StoreOptions.storage_class": "The storage class, such as `STANDARD_IA`.",
    "Job.background": "The opaque colour that transparent images are flattened onto, where the "
    "format of the result has no alpha channel.",
    "Job.options": "Options of the format's encoder: `JpegOptions` for JPEG, and so on. Those of "
    "another format are rejected.",
    "Job.keep": "Which metadata to keep: `copyright` (the source's artist and copyright), or none.",
    "Job.mode": "How closely the result follows the unoptimised pipeline: `exact` is identical bit "
    "for bit, `balanced` is faster and stays within stated tolerances. The default is a setting "
    "of the server.",
    "Job.damaged": "Whether the job fails if its source or a watermark is damaged (`refuse`), or "
    "uses what can be read of it (`accept`).",
    "Job.preset": "A preset of your service. What the job itself says goes before it.",
    "PresetStep.name": "The preset whose transformations stand here.",
    "PresetDefinition.transformations": "The steps, in this order. None of them may be a preset.",
    "PresetDefinition.quality": "See `Job`.",
    "PresetDefinition.min_ssim": "See `Job`. Needs `quality` `auto` here; a job that says its own "
    "`quality` does not take it.",
    "PresetDefinition.options": "See `Job`. They must suit the format of each job that uses them.",
    **{
        f"PresetDefinition.{name}": "See `Job`."
        for name in (
            "max_bytes", "format", "background", "keep", "store", "describe", "mode", "damaged",
        )
    },
    "RetryProcesses.service_id": "The id of your service; it must be the one of the token.",
    "RetryProcesses.process_ids": "The ids of the processes to retry.",
    "RetryProcesses.all": "Whether to run jobs again that are done. Failed jobs always do.",
    "RetryProcesses.source": "Which version of an input that a job overwrites is used.",
    # transformations
    "Annotation.text": "The text. Lines are wrapped at `width` if there is one, markup is drawn "
    "literally, and control characters are rejected.",
    "Annotation.font": "Family name of the font, and perhaps a style. A job with an unknown font "
    "fails.",
    "Annotation.size": "Font size (em) in pixels.",
    "Annotation.color": "Colour of the text.",
    "Annotation.width": "Width of the text's box; percentages are of the image. Lines wrap at word "
    "boundaries, and anywhere in a word that is longer. Without it the box is as wide as the "
    "longest line, and only line feeds start a line.",
    "Annotation.align": "Where lines stand in the text's box.",
    "Annotation.line_spacing": "Distance of lines, times the font's ascent plus descent.",
    "Annotation.opacity": "Opacity of text, stroke and box together: 0 is transparent, 10 is their "
    "own.",
    "Annotation.degrees": "Rotation, clockwise, of text, stroke and box. What `gravity` places is "
    "the smallest upright box around them.",
    "Annotation.background": "Colour of a box behind the text. Without it there is none.",
    "Annotation.padding": "How far `background` reaches beyond the text's box; percentages are of "
    "the image's shorter side.",
    "Annotation.stroke_color": "Colour of a stroke around the letters.",
    "Annotation.stroke_width": "How many pixels the stroke reaches beyond the letters.",
    "Blur.sigma": "Standard deviation in pixels; 0 changes nothing. Defaults to half the radius.",
    "Blur.radius": "Radius of the window in pixels. When it is 0 or absent, it follows from sigma.",
    "Brightness.bright_level": "Added to every channel. Fractions are dropped.",
    "Colorize.red": "Added to red. Fractions are dropped.",
    "Colorize.green": "Added to green. Fractions are dropped.",
    "Colorize.blue": "Added to blue. Fractions are dropped.",
    "Contrast.level": "Change in percent: 0 changes nothing, -100 leaves a uniform grey. Fractions "
    "are dropped.",
    "Crop.width": f"Width of the window. {SIDES}",
    "Crop.height": f"Height of the window. {SIDES}",
    "Crop.gravity": "Where the window is placed. `middle` means `center`; `smart`, which needs "
    "`fit`, is where the image draws the most attention.",
    "Crop.fit": "Whether the image is first scaled down until it just covers the window. Otherwise "
    "the window is cut out of the image at its size.",
    "Filter.filter": "The name of the filter.",
    "FitMethod.fit_type": "`stretch`: exactly the box. `box`: the largest size inside the box. "
    "`outside`: the smallest size that covers the box. `cropbox`: as `outside`, then cropped to "
    "the box. `letterbox`: as `box`, on a canvas of the size of the box.",
    "FitMethod.width": f"Width of the box. {SIDES}",
    "FitMethod.height": f"Height of the box. {SIDES}",
    "FitMethod.gravity": "Which part is kept (`cropbox`), or where the image is placed "
    "(`letterbox`). `middle` means `center`; `smart`, for `cropbox`, is where the image draws the "
    "most attention.",
    "FitMethod.color": "Colour of the canvas (`letterbox`).",
    "FitMethod.opacity": "Opacity of the canvas (`letterbox`): 0 is transparent, 10 is opaque.",
    "Flip.direction": "`x` and `horizontal` mirror left and right, `y` and `vertical` top and "
    "bottom.",
    "Gamma.level": "Values above 1 brighten the middle tones, values below 1 darken them.",
    "Modulate.brightness": "Brightness in percent.",
    "Modulate.saturation": "Saturation in percent; 0 is grey.",
    "Modulate.hue": "Rotation of the hue in degrees.",
    "Pad.width": "Margin on all four sides. Percentages are of the width for the left and the "
    "right, of the height above and below. Excludes the others.",
    "Pad.top": "Margin above. Percentages are of the height.",
    "Pad.right": "Margin on the right. Percentages are of the width.",
    "Pad.bottom": "Margin below. Percentages are of the height.",
    "Pad.left": "Margin on the left. Percentages are of the width.",
    "Pad.color": "Colour of the canvas.",
    "Pad.opacity": "Opacity of the canvas: 0 is transparent, 10 is opaque.",
    "Pixelate.size": "Side of a block. Blocks begin at the top left; the last ones are cut.",
    "Rotate.degrees": "Angle, clockwise. Angles that are not multiples of 90 enlarge the canvas.",
    "Rotate.color": "Fill of the corners.",
    "Rotate.opacity": "Opacity of the fill: 0 is transparent, 10 is opaque.",
    "Round.radius": "Radius of the corners, at most half the shorter side.",
    "Sharpen.sigma": "Standard deviation of the blur, in pixels.",
    "Sharpen.amount": "How much of the difference from the blurred image is added.",
    "Sharpen.threshold": "Differences below so many levels are not added.",
    "Trim.threshold": "How many levels a pixel may differ from the border and still belong to it.",
    "Trim.color": "Colour of the border. Defaults to that of the top left pixel.",
    "Watermark.source": "The image to draw: a path in your storage. Give exactly one of `source` "
    "and `Source`.",
    "Watermark.Source": "The same as `source`.",
    "Watermark.width": "Width of the watermark; percentages are of the image under it. Without "
    "`width` and `height` the watermark keeps its size.",
    "Watermark.height": "Height of the watermark; percentages are of the image under it. Without "
    "`width` and `height` the watermark keeps its size.",
    "Watermark.opacity": "Opacity: 0 is transparent, 10 is the watermark's own.",
    "Watermark.degrees": "Rotation of the watermark, clockwise, after it was scaled. What "
    "`gravity` places is the smallest upright box around it.",
    "Watermark.blend": "How its colours are mixed with those under it, as W3C Compositing and "
    "Blending defines the modes.",
    "Watermark.tile": "Whether it is repeated over the whole image, from where it stands in all "
    "directions.",
    "Watermark.spacing": "Distance between tiles; percentages are of the image's shorter side.",
    "Zoom.level": "Device pixels per CSS pixel. Values below 1 mean 1; the level is lowered until "
    "the image has enough pixels.",
    # options of formats
    "effort": "How much time to spend for a smaller file.",
    "lossless": "Whether to keep every pixel exactly; `quality` then has no effect.",
    "subsampling": "Chroma subsampling. `auto` means `4:2:0` below quality 90, `4:4:4` from 90 on.",
    "JpegOptions.progressive": "Whether to write a progressive JPEG: about 4 % smaller, five "
    "times the time.",
    "JpegOptions.optimize": "Whether to optimise the Huffman tables: about 2 % smaller, three "
    "times the time.",
    "JpegOptions.trellis": "Whether to use trellis quantisation: about 14 % smaller, ten times the "
    "time.",
    "PngOptions.compression": "Level of zlib; 0 does not compress.",
    "PngOptions.filter": "The row filter; `all` selects the best one for each row.",
    "PngOptions.progressive": "Whether to interlace (Adam7).",
    "PngOptions.palette": "Whether to reduce colours to a palette; `quality` then has an effect.",
    "PngOptions.bits": "Bits per pixel: a palette of 2, 4, 16 or 256 colours. Needs `palette`.",
    "PngOptions.dither": "Amount of dithering. Needs `palette`.",
    "WebpOptions.near_lossless": "Whether to change pixels slightly for a smaller file, less the "
    "higher `quality` is.",
    "WebpOptions.alpha_quality": "Quality of the alpha channel; 100 is lossless.",
    "WebpOptions.sharp": "Whether to convert to YUV in a slower way that keeps edges sharp.",
    "AvifOptions.bits": "Bits per channel in the file.",
    "GifOptions.bits": "Bits per pixel: the palette has 2 to this power colours.",
    "GifOptions.dither": "Amount of dithering.",
    "GifOptions.progressive": "Whether to interlace.",
    "TiffOptions.compression": "The compression. `jpeg` is lossy, by `quality`, and is "
    "flattened onto `background`.",
    "TiffOptions.predictor": "Whether to compress horizontal differences; for `deflate` and `lzw`.",
    "TiffOptions.tile": "Whether to write tiles of 128 × 128 pixels instead of strips.",
}  # fmt: skip

TYPES = REQUEST_TYPES | ANSWER_TYPES
FIELDS = REQUEST_FIELDS | ANSWER_FIELDS


def field_description(struct: str, field: str) -> str:
    """Say what a field of a type means; empty for one that is not described."""
    return FIELDS.get(f"{struct}.{field}") or FIELDS.get(field, "")


def type_description(name: str) -> str:
    """Say what a type is; empty for one that is not described."""
    return TYPES.get(name, "")
