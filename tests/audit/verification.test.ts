import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { prunedDetails, signCheckpoint } from '../../src/audit/checkpoints.js'
import { auditKeyOf, newKeyText } from '../../src/audit/keys.js'
import { NO_HASH, sealed } from '../../src/audit/records.js'
import { AuditVerification } from '../../src/audit/verification.js'
import type { AuditRecord } from '../../src/shared/access/audit.js'
import { chainedAnew, chainOf, checkpointAt, verify } from '../support/audit.js'

const keptBy = (kept_by: string) => (checkpoint: ReturnType<typeof checkpointAt>) => ({ checkpoint, kept_by })

describe('a chain that was not touched', () => {
  test('holds, up to its own newest checkpoint where nothing was kept elsewhere', () => {
    const { records, checkpoints } = chainOf(30, { at: [10, 20] })
    expect(verify(records, checkpoints)).toEqual({
      ok: true,
      chains: [{ chain: 'c1', first: 1, last: 30, anchored: 20, kept_by: [] }],
    })
  })

  test('is anchored up to the newest checkpoint that was kept elsewhere, and says by what', () => {
    const { records, checkpoints, key } = chainOf(30, { at: [20] })
    const anchors = [5, 12].map((seq) => checkpointAt(records, seq, key))
    const kept = [...anchors.map(keptBy('web-1')), ...anchors.map(keptBy('web-2'))]
    expect(verify(records, checkpoints, kept)).toEqual({
      ok: true,
      chains: [{ chain: 'c1', first: 1, last: 30, anchored: 12, kept_by: ['web-1', 'web-2'] }],
    })
  })

  test('holds beside another one whose lines are mixed with its own', () => {
    const [a, b] = [chainOf(5, { chain: 'a' }), chainOf(5, { chain: 'b' })]
    const mixed = a.records.flatMap((record, at) =>
      [record, b.records[at]].filter((one) => one !== undefined),
    )
    expect(verify(mixed, [...b.checkpoints, ...a.checkpoints])).toMatchObject({
      ok: true,
      chains: [
        { chain: 'a', last: 5, anchored: 5 },
        { chain: 'b', last: 5, anchored: 5 },
      ],
    })
  })

  test('holds with fields that a later version has, which are a part of the hash', () => {
    const { records, checkpoints, key } = chainOf(1)
    const newer: AuditRecord & { colour: string } = {
      ...sealed(withoutHash({ ...records[0], colour: 'red' })),
      colour: 'red',
    }
    const checkpoint = signCheckpoint(key, { ...headOf(newer), count: 1, timestamp: newer.timestamp })
    expect(verify([newer], [checkpoint])).toMatchObject({ ok: true })
    expect(verify([{ ...newer, colour: 'blue' } as AuditRecord], checkpoints)).toMatchObject({
      ok: false,
      break: { seq: 1 },
    })
  })
})

describe('a chain that was tampered with', () => {
  const { records, checkpoints, key } = chainOf(40, { at: [16, 32, 40] })
  const outside = [checkpointAt(records, 38, key)].map(keptBy('web-1'))

  test('does not hold when its last records were cut off, with or without their checkpoints', () => {
    const cut = records.slice(0, -10)
    expect(verify(cut, checkpoints)).toMatchObject({ ok: false, break: { chain: 'c1', seq: 32 } })
    // Not to be seen by what is left alone: it says no more than how far it is anchored.
    expect(verify(cut, checkpoints.slice(0, 1))).toMatchObject({
      ok: true,
      chains: [{ last: 30, anchored: 16 }],
    })
    expect(verify(cut, checkpoints.slice(0, 1), outside)).toEqual({
      ok: false,
      break: {
        chain: 'c1',
        seq: 38,
        reason: expect.stringMatching(/^is missing.*ends at 30 \(kept by web-1\)$/),
      },
    })
  })

  test('does not hold when all of it was cut off', () => {
    expect(verify([], [])).toMatchObject({ ok: false, break: { reason: 'the export has no records' } })
    expect(verify([], [], outside)).toMatchObject({ ok: false, break: { chain: 'c1', seq: 38 } })
    const other = chainOf(3, { chain: 'c2' })
    expect(verify(other.records, other.checkpoints, outside)).toMatchObject({
      ok: false,
      break: { chain: 'c1', seq: 38 },
    })
  })

  test('does not hold when one record was changed, with or without a hash that fits', () => {
    const edited = records.map((record) => (record.seq === 20 ? { ...record, object: 'agent:a2' } : record))
    expect(verify(edited, checkpoints)).toMatchObject({
      ok: false,
      break: { seq: 20, reason: expect.stringContaining('changed') },
    })
    const hashed = records.map((record) =>
      record.seq === 20 ? sealed(withoutHash({ ...record, object: 'agent:a2' })) : record,
    )
    expect(verify(hashed, checkpoints)).toMatchObject({ ok: false, break: { seq: 21 } })
  })

  test('does not hold when two records have changed places, or one is there twice or missing', () => {
    const swapped = [...records]
    swapped.splice(9, 2, ...records.slice(9, 11).reverse())
    expect(verify(swapped, checkpoints)).toMatchObject({ ok: false, break: { seq: 11 } })
    const twice = records.flatMap((record) => (record.seq === 7 ? [record, record] : [record]))
    expect(verify(twice, checkpoints)).toMatchObject({ ok: false, break: { seq: 7 } })
    expect(verify(records.toSpliced(6, 1), checkpoints)).toMatchObject({ ok: false, break: { seq: 8 } })
    expect(verify(records.slice(3), checkpoints)).toMatchObject({ ok: false, break: { seq: 4 } })
  })

  test('does not hold when all of it was chained anew, with the key or with another one', () => {
    const anew = chainedAnew(records, (record) =>
      record.seq === 20 ? { ...record, reason: 'not at all' } : record,
    )
    expect(verify(anew, checkpoints)).toMatchObject({ ok: false, break: { seq: 32 } })
    // By the holder of the key, checkpoints and all.
    const signed = [16, 32, 40].map((seq) => checkpointAt(anew, seq, key))
    expect(verify(anew, signed)).toMatchObject({ ok: true })
    expect(verify(anew, signed, outside)).toMatchObject({ ok: false, break: { seq: 38 } })
    const other = auditKeyOf(newKeyText())
    const stolen = chainedAnew(records, (record) =>
      record.seq === 1 ? { ...record, details: { public_key: other.public_key } } : record,
    )
    const forged = [16, 40].map((seq) => checkpointAt(stolen, seq, other))
    expect(verify(stolen, forged)).toMatchObject({ ok: true })
    expect(verify(stolen, forged, outside)).toMatchObject({ ok: false, break: { seq: 38 } })
  })

  test('does not hold with a checkpoint that its key has not signed', () => {
    const forged = { ...checkpointAt(records, 32, key), count: 31 }
    expect(verify(records, [forged])).toMatchObject({
      ok: false,
      break: { seq: 32, reason: expect.stringContaining('signature') },
    })
  })

  test('does not hold when any record is changed in any place', () => {
    const field = fc.constantFrom(
      'seq',
      'prev',
      'hash',
      'timestamp',
      'action',
      'object',
      'verdict',
      'reason',
      'details',
    )
    fc.assert(
      fc.property(fc.nat(records.length - 1), field, (at, name) => {
        const changed = records.map((record, index) => {
          if (index !== at) return record
          const other: Record<string, unknown> = {
            seq: record.seq + 1,
            verdict: 'denied',
            details: { made: 'up' },
          }
          const value = other[name] ?? `${'0'.repeat(63)}1`
          return { ...record, [name]: value } as AuditRecord
        })
        expect(verify(changed, checkpoints).ok).toBe(false)
      }),
    )
  })
})

describe('a chain whose beginning was removed', () => {
  const { records, checkpoints, key } = chainOf(40, { at: [16, 40] })
  const last = records.at(-1)
  const pruned = { chain: 'c1', through_seq: 10, hash: records[9]?.hash ?? '' }
  const claim = (details: Record<string, unknown>) =>
    sealed(
      withoutHash({
        ...last,
        seq: 41,
        prev: last?.hash ?? NO_HASH,
        action: 'audit.prune',
        object: 'audit',
        details,
      }),
    )

  test('holds where a signed record says so, and anchors from before it no longer count', () => {
    const kept = [...records.slice(10), claim(prunedDetails(key, pruned))]
    expect(verify(kept, checkpoints, [checkpointAt(records, 4, key)].map(keptBy('web-1')))).toMatchObject({
      ok: true,
      chains: [{ first: 11, last: 41 }],
    })
  })

  test('does not hold where no record says so, or one with another hash, number or signature', () => {
    const kept = records.slice(10)
    const wrong = { ...pruned, hash: '1'.repeat(64) }
    const details = prunedDetails(key, pruned)
    for (const record of [
      claim({}),
      claim(prunedDetails(key, wrong)),
      claim(prunedDetails(key, { ...pruned, through_seq: 9 })),
      claim({ ...details, signature: prunedDetails(key, wrong).signature }),
    ]) {
      expect(verify([...kept, record], checkpoints)).toMatchObject({ ok: false, break: { seq: 11 } })
    }
  })
})

test('a line that is none is named by its number', () => {
  const verification = new AuditVerification()
  verification.read('')
  verification.read('{"type":"record"}')
  expect(verification.verdict()).toMatchObject({
    ok: false,
    break: { reason: expect.stringContaining('line 2') },
  })
})

/** The record as `sealed` takes it. */
function withoutHash(record: object): Omit<AuditRecord, 'hash'> {
  const { hash: _hash, ...fields } = record as AuditRecord
  return fields
}

function headOf({ chain, seq, hash }: AuditRecord) {
  return { chain, seq, hash }
}
