import { expect, test, vi } from 'vitest'
import { callAs, onBothStores } from '../../../support/both-stores.js'
import { clientOf, policyFor } from '../../../support/policies.js'

vi.setConfig({ testTimeout: 120_000 })

const allow = { actions: ['run.shell' as const], agents: 'env=prod and role=web' }

onBothStores('a change of the policy', (open) => {
  test('is saved in the place of the policy that was read, and of no other', async () => {
    await using site = await open()
    await using first = clientOf(site.urls[0], 'admin')
    await using second = clientOf(site.urls[1], 'admin')
    expect(await first.policy.get()).toMatchObject({ etag: 'none', saved_by: null, policy: { roles: {} } })
    const saved = await first.policy.save(policyFor([allow]), 'none')
    // The other controller knows of it at once, by asking.
    expect(await second.policy.get()).toEqual(saved)
    expect(saved).toMatchObject({
      saved_by: 'admin',
      policy: { roles: { narrow: [{ effect: 'allow', agents: 'env=prod and role=web' }] } },
    })
    const changed = { code: 'POLICY_CHANGED', status: 412 }
    await expect(second.policy.save(policyFor([]), 'none')).rejects.toMatchObject(changed)
    const [one, other] = await Promise.allSettled([
      first.policy.save(policyFor([]), saved.etag),
      second.policy.save(policyFor([allow, allow]), saved.etag),
    ])
    expect([one.status, other.status].sort()).toEqual(['fulfilled', 'rejected'])
    await first.policy.save(policyFor([allow]), '*')
  })

  test('takes a tag over REST, and says which', async () => {
    await using site = await open()
    const put = (headers: Record<string, string>, body: unknown = policyFor([allow])) =>
      callAs(site.urls[1], 'admin', '/policy', { method: 'PUT', body, headers })
    expect(await put({})).toMatchObject({ status: 422, body: { detail: [{ loc: ['header', 'If-Match'] }] } })
    const saved = await put({ 'if-match': '"none"' })
    expect(saved).toMatchObject({ status: 200, body: { etag: expect.any(String) } })
    expect(await put({ 'if-match': '"none"' })).toMatchObject({
      status: 412,
      body: { code: 'POLICY_CHANGED' },
    })
    expect(await put({ 'if-match': `W/"${saved.body.etag}"` })).toMatchObject({ status: 200 })
    expect(await callAs(site.urls[0], 'operator', '/policy')).toMatchObject({ status: 403 })
  })

  test('is refused with the place when it is no policy, a test of it fails, or none could change it again', async () => {
    await using site = await open()
    await using admin = clientOf(site.urls[0], 'admin')
    const save = (policy: object) => admin.policy.save(policy, '*')
    const loc = (...place: (string | number)[]) => ({
      code: 'VALIDATION_FAILED',
      issues: [expect.objectContaining({ loc: place })],
    })
    await expect(save({ roles: { a: [{ ...allow, agents: 'hostname=x' }] } })).rejects.toMatchObject(
      loc('policy', 'roles', 'a', 0, 'agents'),
    )
    await expect(save({ roles: { a: [{ ...allow, actions: ['run.all'] }] } })).rejects.toMatchObject(
      loc('policy', 'roles', 'a', 0, 'actions', 0),
    )
    await expect(save({ roles: { a: [{ ...allow, comands: [] }] } })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
    })
    await expect(save({ roles: { admin: [] } })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
    await expect(save({ bindings: [{ to: 'user:ann', role: 'nothing' }] })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
    })
    const tests = [
      { as: 'user:olga', action: 'run.shell' as const, agents: 'env=stage', expect: 'allow' as const },
    ]
    const narrow = { roles: { web: [allow] }, bindings: [{ to: 'user:ann', role: 'web' }] }
    const asAnn = tests.map((each) => ({ ...each, as: 'user:ann' }))
    await expect(save({ ...narrow, tests: asAnn })).rejects.toMatchObject({
      issues: [expect.objectContaining({ loc: expect.arrayContaining(['policy', 'tests', 0]) })],
    })
    const closed = { effect: 'deny' as const, actions: ['policy.manage' as const], agents: 'all' }
    const locked = { roles: { closed: [closed] }, bindings: [{ to: 'user:admin', role: 'closed' }] }
    await expect(save(locked)).rejects.toMatchObject({
      issues: [expect.objectContaining({ type: 'no_manager' })],
    })
    expect(await admin.policy.check(locked)).toMatchObject({ ok: false, faults: [{ type: 'no_manager' }] })
    // Nothing of that was saved.
    expect(await admin.policy.get()).toMatchObject({ etag: 'none' })
  })

  test('is explained as it decides', async () => {
    await using site = await open()
    await using admin = clientOf(site.urls[0], 'admin')
    const uptime = { ...allow, agents: 'web-1', commands: [{ exact: 'uptime' }] }
    const policy = { roles: { web: [uptime] }, bindings: [{ to: 'service:ci', role: 'web' }] }
    await admin.policy.save(policy, 'none')
    const asked = { as: 'role:web', agents: 'web-1' }
    expect(await admin.access.explain({ ...asked, command: 'uptime' })).toMatchObject({
      verdict: 'allow',
      grant: 'web[0]',
    })
    expect(await admin.access.explain({ ...asked, command: 'uptime; id' })).toMatchObject({
      verdict: 'deny',
      agents: [{ agent_id: 'web-1', verdict: 'deny' }],
      considered: [{ grant: 'web[0]', fits: false, failed: expect.any(String) }],
    })
    await using olga = clientOf(site.urls[1], 'operator')
    expect(await olga.access.explain({ agents: 'web-1', command: 'uptime' })).toMatchObject({
      verdict: 'allow',
    })
    await expect(olga.access.explain({ as: 'admin' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(admin.access.explain({ as: 'user:none' })).rejects.toMatchObject({
      issues: [expect.objectContaining({ loc: ['as'] })],
    })
    await expect(admin.access.explain({ agents: 'env=none' })).rejects.toMatchObject({
      issues: [expect.objectContaining({ loc: ['agents'] })],
    })
  })
})
