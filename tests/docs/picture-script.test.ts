import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { framesOf, textOf } from '../../packaging/picture/screens.js'
import { record, type Story } from '../../packaging/picture/story.js'
import { repository } from '../support/samples.js'
import { needs } from '../support/services.js'

describe.skipIf(needs('script'))('the script of the picture', () => {
  const root = pathToFileURL(repository)
  const story: Story = {
    agents: [{ agent_id: 'small-1', labels: 'role=small' }],
    steps: [{ line: 'ogent agents; echo "$HOME"', gives: /small-1 +connected/, readMs: 0 }],
    columns: 90,
    rows: 8,
    pace: { least: 0, most: 0 },
  }

  test('records what is typed and what the real program prints, and leaves nothing behind', async () => {
    const recording = await record(story, root)
    const last = (await framesOf(recording)).at(-1)
    const [typed, head, agent, folder = '', empty, prompt] = last?.rows.map(textOf) ?? []
    expect(typed).toBe('$ ogent agents; echo "$HOME"')
    expect(head).toMatch(/^AGENT +STATUS +HOST +SYSTEM +LABELS$/)
    expect(agent).toMatch(/^small-1 +connected +small-1\.example\.com +Linux [\d.]+ +role=small$/)
    expect([empty, prompt]).toEqual(['', '$'])
    expect(folder).toContain('ogent-picture-')
    expect(existsSync(folder)).toBe(false)
  })

  test('ends where a line gives something else than it should', async () => {
    const steps = [{ line: 'ogent agents --no-such', gives: /connected/, readMs: 0 }]
    await expect(record({ ...story, steps }, root)).rejects.toThrow(
      'The line ogent agents --no-such does not give /connected/',
    )
  })
})
