import { describe, expect, test } from 'vitest'
import { castOf, parseCast, type Recording } from '../../packaging/picture/recording.js'
import { framesOf, textOf } from '../../packaging/picture/screens.js'
import { renderSvg } from '../../packaging/picture/svg.js'

const ESCAPE = '\u001b'

/** What a small terminal gets, at these seconds. */
function recordingOf(...output: [seconds: number, text: string][]): Recording {
  return { columns: 12, rows: 3, output: output.map(([seconds, text]) => ({ seconds, text })) }
}

/** Each frame as its time and its rows. */
async function shown(recording: Recording): Promise<[number, string[]][]> {
  return (await framesOf(recording)).map(({ seconds, rows }) => [seconds, rows.map(textOf)])
}

function drawn(recording: Recording): Promise<string> {
  const options = { ...recording, title: 'It is <"small"> & real', holdSeconds: 2 }
  return framesOf(recording).then((frames) => renderSvg(frames, options))
}

describe('the frames of a recording', () => {
  test('are what the terminal shows, from each change to the next', async () => {
    const recording = recordingOf(
      [0, '$ '],
      [1, 'l'],
      [1.5, 's'],
      [2, '\r\none\r\n'],
      [3, `${ESCAPE}[?2004h`],
    )
    expect(await shown(recording)).toEqual([
      [0, ['$', '', '']],
      [1, ['$ l', '', '']],
      [1.5, ['$ ls', '', '']],
      [2, ['$ ls', 'one', '']],
    ])
  })

  test('have no state that came and went within one write', async () => {
    const erased = `${ESCAPE}[2mrunning${ESCAPE}[22m`
    expect(await shown(recordingOf([0, erased], [1, `\r${ESCAPE}[K`], [1.01, 'done']))).toEqual([
      [0, ['running', '', '']],
      [1, ['done', '', '']],
    ])
  })

  test('follow a terminal that scrolls, and keep wide characters in their columns', async () => {
    const [, last] = await framesOf(recordingOf([0, 'a\r\nb\r\n'], [1, 'c\r\n日本 x']))
    expect(last?.rows.map(textOf)).toEqual(['b', 'c', '日本 x'])
    expect(last?.rows[2]).toMatchObject([{ column: 0, width: 6 }])
    expect(last?.cursor).toEqual({ column: 6, row: 2 })
  })

  test('have the style of each text', async () => {
    const text = `${ESCAPE}[31;1mred${ESCAPE}[0m ${ESCAPE}[38;5;208mor${ESCAPE}[38;2;1;2;3mrgb${ESCAPE}[0;7mi`
    const [frame] = await framesOf(recordingOf([0, text]))
    expect(frame?.rows[0]).toMatchObject([
      { column: 0, text: 'red', style: { colour: 1, bold: true } },
      { column: 4, text: 'or', style: { colour: 208, bold: false } },
      { column: 6, text: 'rgb', style: { colour: '#010203' } },
      { column: 9, text: 'i', style: { colour: 0, background: 7 } },
    ])
  })
})

describe('the drawing', () => {
  test('moves a row from state to state, and leaves it at the last one', async () => {
    const svg = await drawn(recordingOf([0, 'a'], [1, 'b'], [2, '\rxy']))
    expect(svg).toContain('.m{animation:4s step-end infinite}')
    expect(svg).toContain(
      '@keyframes r0{0%{transform:translate(0px,0px)}25%{transform:translate(0px,-18px)}50%{transform:translate(0px,-36px)}}',
    )
    const [row = ''] = svg.match(/<g id="r0".*?<\/g>/s) ?? []
    expect(row).toContain('transform="translate(0,-36)"')
    expect([...row.matchAll(/>([^<\n]+)</g)].map(([, text]) => text)).toEqual(['a', 'ab', 'xy'])
    expect(svg).not.toContain('id="r1"')
  })

  test('has a row that looks as before once', async () => {
    const svg = await drawn(recordingOf([0, 'same'], [1, '\rother'], [2, `\rsame${ESCAPE}[K`]))
    expect(svg.match(/>same</g)).toHaveLength(1)
    expect(svg).toContain('50%{transform:translate(0px,0px)}}')
  })

  test('holds any text, and colours by class, else by value', async () => {
    const svg = await drawn(recordingOf([0, `a<b>&"${ESCAPE}[32mg${ESCAPE}[48;5;208mo`]))
    expect(svg).toContain('<title id="title">It is &lt;&quot;small&quot;&gt; &amp; real</title>')
    expect(svg).toContain('>a&lt;b&gt;&amp;&quot;</text>')
    expect(svg).toContain('class="c2">g</text>')
    expect(svg).toContain('style="fill:#ff8700"/>')
  })
})

describe('a recording as text', () => {
  test('is the same when it is read again', () => {
    const recording = recordingOf([0, '$ '], [0.25, `${ESCAPE}[1mü\r\n`])
    expect(parseCast(castOf(recording))).toEqual(recording)
  })

  test.each([
    ['no header', ''],
    ['another version', '{"version":3,"width":1,"height":1}\n'],
    ['an event that is none', '{"version":2,"width":1,"height":1}\n["0","o","text"]\n'],
  ])('is refused with %s', (_what, text) => {
    expect(() => parseCast(text)).toThrow()
  })
})
