"""What each field means, for a reader of the reference; what it takes, its type says itself."""

SIZES = "A side that is not given follows the picture's shape."

MEANINGS = {
    # shared by several transformations
    "gravity": "Where it stands; `middle` is read as `center`.",
    "width": f"Width of the result. {SIZES}",
    "height": f"Height of the result. {SIZES}",
    "xoffset": "Shift from where gravity puts it: away from that edge, to the right from the "
    "centre. A share is of the picture's width.",
    "yoffset": "Shift from where gravity puts it: away from that edge, down from the centre. "
    "A share is of the picture's height.",
    # requests
    "CreateProcess.service_id": "Your service's number. It must be the one that the token is for.",
    "CreateProcess.source": "The picture to transform: its key in your storage.",
    "CreateProcess.jobs": "What is made of the source. Each job has a destination of its own.",
    "CreateProcess.callback": "An http or https URL. The final status is POSTed to it, signed.",
    "CreateProcess.priority": "Processes of a higher priority are started first.",
    "Job.destination": "Where the result is stored: its key in your storage. Its ending names "
    "the format, unless `format` does.",
    "Job.transformations": "The steps, in this order. Each works on what the one before it made. "
    "None at all converts the format only.",
    "Job.quality": "Quality of lossy formats. A fraction is dropped; 0 is written as 1.",
    "Job.format": "The format to write, whatever the destination's ending is.",
    "Job.options": "How the format's encoder works: `JpegOptions` for a JPEG, and so on. An option "
    "of another format is refused.",
    "Job.keep": "What is kept of the source's metadata: artist and copyright (`copyright`), or "
    "nothing.",
    "Job.mode": "How near to the letter the pixels are made: `exact` is bit for bit, `balanced` "
    "takes less time and keeps within stated tolerances. Without it the setting decides.",
    "RetryProcesses.service_id": "Your service's number. It must be the one that the token is for.",
    "RetryProcesses.process_ids": "The processes to run again.",
    "RetryProcesses.all": "Whether jobs that are done run again too. Otherwise only jobs that "
    "failed do.",
    # transformations
    "Annotation.text": "The text. A line break starts a new line; nothing is wrapped, markup is "
    "drawn as it is written, and control characters are refused.",
    "Annotation.font": "The font's family name. One that the server does not have fails the job.",
    "Annotation.size": "Size of the letters (em) in pixels.",
    "Annotation.color": "Colour of the text.",
    "Blur.sigma": "Standard deviation in pixels. 0 changes nothing. When it is not given, it is "
    "half the radius.",
    "Blur.radius": "How far the window reaches, in pixels. When it is 0 or not given, it follows "
    "from sigma.",
    "Brightness.bright_level": "Added to every channel. A fraction is dropped.",
    "Colorize.red": "Added to red. A fraction is dropped.",
    "Colorize.green": "Added to green. A fraction is dropped.",
    "Colorize.blue": "Added to blue. A fraction is dropped.",
    "Contrast.level": "Percent of contrast: 0 changes nothing, -100 leaves a plain grey. "
    "A fraction is dropped.",
    "Crop.width": f"Width of the window. {SIZES}",
    "Crop.height": f"Height of the window. {SIZES}",
    "Crop.gravity": "Where the window stands; `middle` is read as `center`.",
    "Crop.fit": "Whether the picture is first scaled down until it just covers the window. "
    "Otherwise the window is cut out of the picture as it is.",
    "Filter.filter": "The filter's name.",
    "FitMethod.fit_type": "How: `stretch` to exactly the box; `box` to the largest size inside "
    "it; `outside` to the smallest size that covers it; `cropbox` as `outside`, then cut to the "
    "box; `letterbox` as `box`, on a canvas of the box's size.",
    "FitMethod.width": f"Width of the box. {SIZES}",
    "FitMethod.height": f"Height of the box. {SIZES}",
    "FitMethod.gravity": "Which part is kept (`cropbox`), or where the picture stands "
    "(`letterbox`); `middle` is read as `center`.",
    "FitMethod.color": "Colour of the canvas (`letterbox`).",
    "FitMethod.opacity": "How opaque the canvas is (`letterbox`): 0 is transparent, 10 is opaque.",
    "Flip.direction": "`x` or `horizontal` mirrors left and right, `y` or `vertical` top and "
    "bottom.",
    "Rotate.degrees": "How far, clockwise. Other angles than quarter turns grow the canvas; the "
    "corners are transparent.",
    "Watermark.source": "The picture to lay over: its key in your storage. Exactly one of "
    "`source` and `Source` is given.",
    "Watermark.Source": "The same as `source`.",
    "Watermark.width": "Width of the watermark; a share is of the picture under it. When neither "
    "side is given, the watermark keeps its own size.",
    "Watermark.height": "Height of the watermark; a share is of the picture under it. When "
    "neither side is given, the watermark keeps its own size.",
    "Zoom.level": "Pixels of the screen for each one of the page. Below 1 counts as 1; it is "
    "lowered until the picture has the pixels.",
    # options of formats
    "effort": "How much time is spent for fewer bytes.",
    "lossless": "Keep every pixel as it is; `quality` has no effect then.",
    "subsampling": "Colours at half the width and height (`4:2:0`) or in full (`4:4:4`); `auto` "
    "halves them below quality 90.",
    "JpegOptions.progressive": "Shown whole at once while it loads, and then sharper. About 4 % "
    "smaller, five times the time.",
    "JpegOptions.optimize": "Huffman tables made for the picture. About 2 % smaller, three times "
    "the time.",
    "JpegOptions.trellis": "Search for the smallest way to write it. About a seventh smaller, ten "
    "times the time.",
    "PngOptions.compression": "How much time zlib spends for fewer bytes; 0 does not compress.",
    "PngOptions.filter": "What a row is predicted from; `all` chooses for each row.",
    "PngOptions.progressive": "Shown coarsely at once while it loads (Adam7).",
    "PngOptions.palette": "Keep few colours, chosen for the picture. `quality` counts then.",
    "PngOptions.bits": "Bits of a pixel: a palette of 2, 4, 16 or 256 colours. Needs `palette`.",
    "PngOptions.dither": "How far colours are mixed of those in the palette. Needs `palette`.",
    "WebpOptions.near_lossless": "Nearly every pixel as it is, the nearer the higher `quality`.",
    "WebpOptions.alpha_quality": "Quality of the transparency; 100 keeps it as it is.",
    "WebpOptions.sharp": "Keep edges between colours sharp, which takes longer.",
    "AvifOptions.bits": "Bits of a channel in the file.",
    "GifOptions.bits": "The palette has 2 to this power colours.",
    "GifOptions.dither": "How far colours are mixed of those in the palette.",
    "GifOptions.progressive": "Shown coarsely at once while it loads.",
    "TiffOptions.compression": "How it is packed. `jpeg` loses some, by `quality`, and "
    "transparency.",
    "TiffOptions.predictor": "Pack differences of neighbours, which are fewer bytes. For `deflate` "
    "and `lzw`.",
    "TiffOptions.tile": "Store tiles of 128 × 128 pixels rather than strips.",
    # answers
    "Created.status": "Always `SUCCESS`.",
    "Created.process_id": "The process that was recorded: 21 characters.",
    "RetryResult.status": "200: it is queued again. 404: there is no such process. 409: it is "
    "still queued or running.",
    "RetryResult.process_id": "The id, as it was asked.",
    "RetryResult.description": "The same in words.",
    "Problem.message": "What was expected, where, and what came.",
    "Problem.code": "A stable name for the reason.",
    "Problem.path": "The place in the request's body, such as `jobs[0].transformations[2].sigma`. "
    "Absent when the error is about no single field.",
    "ProcessStatus.process_id": "The process.",
    "ProcessStatus.status": "`QUEUED`, then `PROCESSING`, then `FINISHED` (every job is done) or "
    "`FAILED` (at least one job failed; what succeeded stays).",
    "ProcessStatus.attempt": "0 at first; each retry adds 1.",
    "ProcessStatus.created_at": "When the process was recorded, in UTC: `YYYY-MM-DD HH:MM:SS`.",
    "ProcessStatus.updated_at": "When it last changed, in UTC: `YYYY-MM-DD HH:MM:SS`.",
    "ProcessStatus.jobs": "The jobs, in the order of the request.",
    "ProcessStatus.callbacks": "One for each attempt that has ended, when the request named a "
    "callback. Not part of a callback's own body.",
    "JobStatus.destination": "The destination, as the request spelt it.",
    "JobStatus.status": "`QUEUED`, then `DONE` or `FAILED`.",
    "JobStatus.format": "The format that was written. This and the next five are there once the "
    "job is done.",
    "JobStatus.width": "Width of the result in pixels.",
    "JobStatus.height": "Height of the result in pixels.",
    "JobStatus.bytes": "Size of the stored file in bytes.",
    "JobStatus.sha256": "SHA-256 of the stored file, in hexadecimal.",
    "JobStatus.milliseconds": "Time it took to render, in milliseconds.",
    "JobStatus.error": "Why the job failed; there once it has.",
    "JobError.code": "A stable name for the reason.",
    "JobError.message": "The reason in words.",
    "Explanation.facts": "What the source's header tells.",
    "Explanation.jobs": "The jobs, in the order of the request.",
    "Explanation.trees": "What the jobs share. Each tree decodes the source once.",
    "Explanation.cost": "What all of it is predicted to take.",
    "JobExplanation.cost": "What the job is predicted to take if it were alone.",
    "Cost.peak_bytes": "Memory at its highest, in bytes, the source's own not counted: not less "
    "than what it takes, and for photographs at most three times that.",
    "Cost.pixels_touched": "Pixels that all steps make.",
    "Cost.pixels_decoded": "Pixels that are decoded.",
    "Cost.decode_passes": "How often the source is read from its start.",
    "JobExplanation.destination": "The destination, as the request spelt it.",
    "JobExplanation.save": "How the result would be written.",
    "JobExplanation.stages": "The plan as it was written down (`expand`), then after each pass "
    "that changed it. The last one is carried out.",
    "JobExplanation.assumptions": "What was assumed, since only pixels can tell.",
    "JobExplanation.refusal": "Why the job would fail. There is no plan then.",
    "Refusal.code": "A stable name for the reason: one of the errors of a job.",
    "Refusal.message": "The reason in words.",
    "Stage.name": "`expand`, or the pass.",
    "Stage.steps": "The steps of the plan.",
    "Step.text": "The step in words: what it does, what comes out, how it looks and reads.",
    "Step.frame": "The picture that comes out.",
    "TreeBranch.steps": "What is done, one after the other.",
    "TreeBranch.held_bytes": "Bytes of pixels that are held in memory, because several read what "
    "comes out; 0 if only one does.",
    "TreeBranch.saves": "The jobs that save what comes out.",
    "TreeBranch.branches": "What is done further with what comes out.",
    "TreeStep.name": "What kind of step it is.",
    "TreeStep.words": "What it is told.",
    "TreeStep.frame": "The picture that comes out.",
    "TreeStep.locality": "How far it looks to make one pixel.",
    "TreeStep.access": "In which order it reads the picture that goes in.",
    "TreeSave.job": "The job's place in the request, from 0.",
    "TreeSave.save": "How the result would be written.",
    "Facts.format": "What kind of file it is, by its first bytes.",
    "Facts.width": "Width in pixels, before it is turned upright.",
    "Facts.height": "Height in pixels of one frame, before it is turned upright.",
    "Facts.depth": "Bits of a channel.",
    "Facts.orientation": "EXIF's orientation, 1 to 8.",
    "Facts.frames": "How many frames an animation has.",
    "Facts.delays": "How many milliseconds each frame is shown.",
    "Facts.loop": "How often an animation is shown; 0 is for ever.",
    "Facts.profile": "Whether it has an ICC profile.",
    "Facts.interlaced": "Whether it must be read whole before its first row is known.",
    "Frame.width": "Width in pixels.",
    "Frame.height": "Height in pixels.",
    "Frame.premultiplied": "Whether colours are multiplied by alpha.",
    "Frame.depth": "Bits of a channel.",
    "Frame.pages": "How many frames there are, all of this size.",
    "bands": "How many colours a pixel has: 1 grey, 3 RGB, 4 CMYK.",
    "alpha": "Whether it has transparency.",
    "CallbackStatus.id": "The event's id: the receiver sees it as `webhook-id` on every try.",
    "CallbackStatus.attempt": "The attempt of the process that it tells of.",
    "CallbackStatus.status": "`PENDING` while it is tried, then `DELIVERED` or `FAILED`.",
    "CallbackStatus.tries": "How often it was sent so far.",
    "CallbackStatus.last_status": "The HTTP status of the last answer, if there was one.",
    "CallbackStatus.last_error": "What went wrong on the last try.",
    "CallbackStatus.next_try_at": "When it is sent next, in UTC, while it is pending.",
}


def meaning(struct: str, field: str) -> str:
    """Say what a field of a struct means; empty for one that nobody has described."""
    return MEANINGS.get(f"{struct}.{field}") or MEANINGS.get(field, "")
