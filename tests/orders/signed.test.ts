import { describe, expect, test } from 'vitest'
import { auditKeyOf, newKeyText } from '../../src/audit/keys.js'
import { orderKeyOf, signatureFault, signatureOf } from '../../src/orders/signed.js'
import type { ExecuteOrder } from '../../src/shared/link/protocol.js'

const key = auditKeyOf(newKeyText())
const keys = [orderKeyOf(key.public_key)]

const order: ExecuteOrder = {
  type: 'execute_command_event',
  command_id: 'c1',
  command: 'systemctl restart nginx',
  requester_sid: 'olga',
  execution_target: 'local',
  cwd: '/srv',
  env: { A: '1', B: '2' },
  stdin: 'text',
  timeout_seconds: 30,
  max_output_bytes: 1000,
  expires_at: 1_800_000_000_000.25,
}
const signed: ExecuteOrder = { ...order, sig: signatureOf(key, 'a1', order) }

describe('a signed order', () => {
  test('holds for its agent, also with fields that decide nothing about it', () => {
    expect(signatureFault(keys, 'a1', signed)).toBeUndefined()
    const { env, ...rest } = signed
    expect(signatureFault(keys, 'a1', { ...rest, env: { B: '2', A: '1' }, traceparent: 'x' })).toBeUndefined()
  })

  test.each<[string, Partial<ExecuteOrder>]>([
    ['another command', { command: 'systemctl restart nginx; id' }],
    ['another id', { command_id: 'c2' }],
    ['another requester', { requester_sid: 'ann' }],
    ['another target', { execution_target: 'ssh' }],
    ['another folder', { cwd: '/' }],
    ['no folder', { cwd: undefined }],
    ['another value of a variable', { env: { A: '1', B: '3' } }],
    ['one more variable', { env: { A: '1', B: '2', C: '' } }],
    ['another input', { stdin: 'text\n' }],
    ['an input that stays open', { open_stdin: true }],
    ['a longer time limit', { timeout_seconds: 31 }],
    ['more output', { max_output_bytes: 1001 }],
    ['a later end', { expires_at: order.expires_at + 1 }],
  ])('does not hold with %s', (_what, change) => {
    expect(signatureFault(keys, 'a1', { ...signed, ...change })).toBe('is not the one that was signed')
  })

  test('does not hold for another agent, with another key, or without a signature', () => {
    expect(signatureFault(keys, 'a2', signed)).toBe('is not the one that was signed')
    expect(signatureFault(keys, 'a1', order)).toBe('is not signed')
    const other = auditKeyOf(newKeyText())
    const forged = { ...order, sig: signatureOf(other, 'a1', order) }
    expect(signatureFault(keys, 'a1', forged)).toContain('does not know')
    expect(signatureFault(keys, 'a1', { ...forged, sig: { ...forged.sig, kid: key.kid } })).toContain(
      'not the one',
    )
  })

  test('takes texts with half of a surrogate pair, as a process gets them', () => {
    const odd = { ...order, command: 'echo \ud800' }
    expect(signatureFault(keys, 'a1', { ...odd, sig: signatureOf(key, 'a1', odd) })).toBeUndefined()
  })
})
