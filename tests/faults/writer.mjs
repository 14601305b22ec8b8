// A program that writes at random, by a seed, and notes every byte in files of its own before it writes it:
// what it wrote is known without a word of Ogent. node writer.mjs FOLDER NAME SEED MOST_BYTES SECONDS text|binary
import { appendFileSync, writeFileSync, writeSync } from 'node:fs'

const [folder, name, seed, most, seconds, kind] = process.argv.slice(2)
let state = Number(seed) >>> 0

// mulberry32 (Tommy Ettinger, public domain), as in random.ts.
function next() {
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const int = (from, to) => from + Math.floor(next() * (to - from + 1))
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

const words = [
  'word ',
  'é',
  '😀',
  '漢字',
  '\n',
  '\t',
  'a longer piece of text\n',
  '0123456789',
  '\r\n',
  'ß\n',
]

function piece(size) {
  if (kind === 'binary') return Buffer.from(Array.from({ length: size }, () => int(0, 255)))
  let text = ''
  while (text.length < size) text += words[int(0, words.length - 1)]
  // A large piece repeats a small one: this program is to be faster than what it tests.
  return Buffer.from(text)
}

function write(fd, data) {
  let at = 0
  while (at < data.length) {
    try {
      at += writeSync(fd, data, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      pause(5)
    }
  }
}

const file = (what) => `${folder}/${name}.${what}`
for (const what of ['stdout', 'stderr']) writeFileSync(file(what), '')
const count = int(0, 40)
let left = Number(most)
for (let n = 0; n < count && left > 0; n++) {
  const [fd, what] = next() < 0.75 ? [1, 'stdout'] : [2, 'stderr']
  const size = Math.min(left, [int(1, 20), int(1, 300), int(1, 300), 4096, int(20_000, 90_000)][int(0, 4)])
  const small = piece(Math.min(size, 2000))
  const data = Buffer.concat(Array.from({ length: Math.ceil(size / small.length) }, () => small))
  left -= data.length
  appendFileSync(file(what), data)
  write(fd, data)
  if (next() < 0.6) pause(int(1, (2000 * Number(seconds)) / count))
}
const exitCode = [0, 0, 0, 1, 5, 255][int(0, 5)]
writeFileSync(file('exit'), String(exitCode))
process.exit(exitCode)
