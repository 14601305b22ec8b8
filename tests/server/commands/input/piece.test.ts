import { describe, expect, test } from 'vitest'
import { toPiece } from '../../../../src/server/commands/input/piece.js'
import { commandInputSchema } from '../../../../src/shared/commands/input.js'

const KIB_256 = 256 * 1024
const piece = (fields: object) => toPiece(commandInputSchema.parse({ command_id: 'c', ...fields }))

describe('a piece of input', () => {
  test.each([
    ['nothing', {}, ''],
    ['text', { data: 'héllo\n' }, '68c3a96c6c6f0a'],
    ['base64 of bytes that are no text', { data: '/wD+', encoding: 'base64' }, 'ff00fe'],
    ['base64 with padding', { data: '/w==', encoding: 'base64' }, 'ff'],
    ['base64 of nothing', { data: '', encoding: 'base64' }, ''],
  ])('has the bytes of %s', (_what, fields, hex) => {
    expect(Buffer.from(piece(fields).data).toString('hex')).toBe(hex)
  })

  test('has 256 KiB at most, in bytes', () => {
    expect(piece({ data: 'x'.repeat(KIB_256) }).data).toHaveLength(KIB_256)
    const most = Buffer.alloc(KIB_256, 0xff).toString('base64')
    expect(piece({ data: most, encoding: 'base64' }).data).toHaveLength(KIB_256)
  })

  test.each([
    ['one byte too many', { data: 'x'.repeat(KIB_256 + 1) }, 'data', 'takes 256 KiB at most'],
    ['too many bytes in few characters', { data: '€'.repeat(KIB_256 / 2) }, 'data', 'takes 256 KiB at most'],
    [
      'one byte too many as base64',
      { data: Buffer.alloc(KIB_256 + 1).toString('base64'), encoding: 'base64' },
      'data',
      'takes 256 KiB at most',
    ],
    [
      'a letter that base64 has not',
      { data: 'ab-_', encoding: 'base64' },
      'data',
      'is not base64, with its padding',
    ],
    [
      'base64 without its padding',
      { data: 'abc', encoding: 'base64' },
      'data',
      'is not base64, with its padding',
    ],
    [
      'padding in the middle',
      { data: '/w==/w==', encoding: 'base64' },
      'data',
      'is not base64, with its padding',
    ],
    ['an end that is no number', { offset: Number.MAX_SAFE_INTEGER, data: 'xy' }, 'offset', 'is too far'],
  ])('is refused for %s, by its place', (_what, fields, field, msg) => {
    expect(() => piece(fields)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_FAILED',
        message: `${field}: ${msg}`,
        issues: [expect.objectContaining({ loc: [field], msg })],
      }),
    )
  })
})
