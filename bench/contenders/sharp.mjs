// sharp: one pipeline a job, from clones of one input; see protocol.py for how it is spoken to.
//
// A pipeline of sharp takes each operation once and in sharp's own order. Where a job's order
// is another, or an operation comes twice, raw pixels go from one pipeline to the next.

import { createRequire } from 'node:module'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { createInterface } from 'node:readline'

const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n')

let sharp
try {
  sharp = createRequire(new URL('../rivals/', import.meta.url))('sharp')
} catch {
  say({ absent: 'make bench-rivals' })
  process.exit(0)
}
sharp.concurrency(1)
sharp.cache(false)

const FONT = new URL('../../engine/fonts/shipped/LiberationSans-Regular.ttf', import.meta.url).pathname
const LUMA = Array(3).fill([0.299, 0.587, 0.114])
const [SHAPE, BLUR, RECOMB, COMPOSITE, LINEAR, NEGATE] = [0, 1, 2, 3, 4, 5]

const pixels = (value, side) =>
  typeof value === 'string' ? Math.round((parseFloat(value) * side) / 100) : value

// What a step is in sharp: the ranks of its operations in sharp's order, and the calls.
function rankAndCall(step, source) {
  switch (step.type === 'filter' ? step.filter : step.type === 'fitmethod' ? step.fit_type : step.type) {
    case 'resize':
      return [[SHAPE], (p) => p.resize(step.width)]
    case 'crop':
    case 'cropbox':
      return [[SHAPE], (p) => p.resize(step.width, step.height, { fit: 'cover' })]
    case 'letterbox':
      return [[SHAPE], (p) => p.resize(step.width, step.height, { fit: 'contain', background: step.color })]
    case 'rotate':
      return [[SHAPE], (p) => p.rotate(step.degrees, { background: 'white' })]
    case 'blur':
      return [[BLUR], (p) => p.blur(step.sigma)]
    case 'brightness':
      return [[LINEAR], (p) => p.linear(1, step.bright_level)]
    case 'contrast': {
      const factor = ((100 + step.level) / 100) ** 2
      return [[LINEAR], (p) => p.linear(factor, 127.5 * (1 - factor))]
    }
    case 'colorize':
      return [[LINEAR], (p) => p.linear([1, 1, 1], [step.red, step.green, step.blue])]
    case 'negate':
      return [[NEGATE], (p) => p.negate({ alpha: false })]
    case 'grayscale':
      return [[RECOMB], (p) => p.recomb(LUMA)]
    case 'sepia':
      return [[RECOMB, LINEAR], (p) => p.recomb(LUMA).linear([1, 1, 1], [90, 60, 40])]
    case 'watermark':
      return [[COMPOSITE], watermarked(step, join(dirname(source), step.source))]
    case 'annotation':
      return [[COMPOSITE], annotated(step)]
  }
}

const watermarked = (step, path) => async (pipeline, size) => {
  const mark = await sharp(path).resize(pixels(step.width, size.width)).toBuffer({ resolveWithObject: true })
  const left = size.width - mark.info.width - step.xoffset
  const top = size.height - mark.info.height - step.yoffset
  return { input: mark.data, left, top }
}

const annotated = (step) => async () => ({
  input: {
    text: {
      text: `<span foreground="${step.color}">${step.text}</span>`,
      font: `Liberation Sans ${step.size}`,
      fontfile: FONT,
      rgba: true,
      dpi: 72
    }
  },
  gravity: 'center'
})

async function make(pipeline, job, source, size) {
  let last = -1
  let layers = []
  const close = () => {
    if (layers.length) pipeline = pipeline.composite(layers)
    layers = []
  }
  for (const step of job.transformations) {
    const [ranks, call] = rankAndCall(step, source)
    const joins = ranks[0] > last || (ranks[0] === COMPOSITE && last === COMPOSITE)
    const needsSize = step.type === 'watermark' && last !== -1 && last !== COMPOSITE
    if (!joins || needsSize) {
      close()
      const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true })
      size = info
      const { width, height, channels } = info
      pipeline = sharp(data, { raw: { width, height, channels } })
    }
    last = ranks.at(-1)
    if (last === COMPOSITE) layers.push(await call(pipeline, size))
    else pipeline = call(pipeline)
  }
  close()
  switch (extname(job.path)) {
    case '.jpg':
      return pipeline.jpeg({ quality: job.quality ?? 70 }).toFile(job.path)
    case '.webp':
      return pipeline.webp({ quality: job.quality ?? 70 }).toFile(job.path)
    default:
      return pipeline.png().toFile(job.path)
  }
}

async function perform(request) {
  const source = sharp(request.source)
  const size = request.jobs.some((job) => job.transformations[0].type === 'watermark')
    ? await source.metadata()
    : undefined
  await Promise.all(request.jobs.map((job) => make(source.clone(), job, request.source, size)))
}

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'ascii'))[1]) / 1024

say({ version: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}, node ${process.version}` })
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  for (const job of request.jobs) {
    job.path = join(request.folder, job.destination)
    mkdirSync(dirname(job.path), { recursive: true })
  }
  const [wall, used] = [performance.now(), cpu()]
  await perform(request)
  say({ cpu: cpu() - used, wall: (performance.now() - wall) / 1e3, rss_mb: peak() })
}
