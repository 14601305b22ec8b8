import { expect, test } from 'vitest'
import { RedisJournalIndex } from '../../../src/server/journal/redis/index.redis.js'
import { NewCommands } from '../../../src/server/journal/redis/new-commands.redis.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { newCommand } from '../../suites/journal-suite.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const made = (command_id: string) => newCommand(command_id, { created_at: new Date().toISOString() }).record

async function controllerOf(url: string) {
  const server = await RedisServer.open(url, silent)
  const index = new RedisJournalIndex(server)
  return {
    index,
    news: new NewCommands(server, index, silent),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

test.skipIf(needs('redis-server'))(
  'a watch tells each new command of another controller once, also one whose word was lost',
  async () => {
    await using redis = await RedisProcess.start()
    await using here = await controllerOf(redis.url)
    await using there = await controllerOf(redis.url)
    await there.index.add(made('before'))
    const heard: string[] = []
    const watch = here.news.watch(({ command_id }) => heard.push(command_id))
    await watch.opened
    for (const id of ['told', 'unheard', 'own']) {
      const { index, news } = id === 'own' ? here : there
      await index.add(made(id))
      if (id !== 'unheard') news.tell(made(id))
    }
    // What was not heard of is found at the next look, a few seconds later.
    await expect.poll(() => heard, { timeout: 60_000 }).toContain('unheard')
    expect(heard).toEqual(['told', 'unheard'])
    watch.close()
  },
  120_000,
)
