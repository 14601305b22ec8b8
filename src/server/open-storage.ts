import { FolderLock } from '../host/folder-lock.js'
import { takeFolder } from '../host/private-folder.js'
import type { StoredUser, Users } from './access/ports.js'
import { keptDeploymentId, keptSecretKey } from './access/secrets.js'
import { UsersFile } from './access/users-file.js'
import type { Fleet } from './agents/fleet.js'
import type { AgentStore } from './agents/store.js'
import { LmdbAgents } from './agents/store.lmdb.js'
import { LmdbOpinions } from './analysis/cache.lmdb.js'
import type { Opinions } from './analysis/ports.js'
import type { ControllerSettings } from './config.js'
import type { JournalStore } from './journal/journal.js'
import { LmdbJournal } from './journal/lmdb/journal.lmdb.js'
import { LmdbFolder } from './storage/folder.lmdb.js'
import type { Log } from './telemetry/ports.js'

/** Where a controller keeps what outlives it: a folder of its own, or a Redis that it shares with others. */
export type Storage = {
  /** As `/ready` names it. */
  name: 'journal' | 'redis'
  journal: JournalStore
  agents: AgentStore
  opinions: Opinions
  users: KeptUsers
  secret: string
  /** The same at every start and at every controller that shares the store, and at no other. */
  deployment: string
  /** Set where it is shared. */
  shared: SharedStorage | undefined
  /** What is left to do when the journal is closed. */
  close(): void
}

export type SharedStorage = {
  fleet: Fleet
  openIds(): Promise<{ agent_id: string; command_id: string }[]>
  /** Calls when the store can be reached again. */
  onReady(listener: () => void): void
  /** Calls with an agent whose commands the store has lost something of, so that it has to tell anew what it has. */
  onSetBack(listener: (agent_id: string) => void): void
}

export type KeptUsers = Users & {
  /** False where there is an account of that name. */
  add(user: StoredUser): boolean | Promise<boolean>
}

/** `isHere`: whether this controller has an agent's link. Rejects with a sentence where there is no such store. */
export async function openStorage(
  settings: ControllerSettings,
  log: Log,
  isHere: (agent_id: string) => boolean,
): Promise<Storage> {
  const { REDIS_URL, SECRET_KEY } = settings
  if (REDIS_URL !== undefined && SECRET_KEY !== undefined) {
    // Who has no Redis does not load what speaks to it.
    const { openRedisStorage } = await import('./open-redis-storage.js')
    return openRedisStorage({
      url: REDIS_URL,
      secret: SECRET_KEY,
      retentionHours: settings.RETENTION_HOURS,
      log,
      isHere,
    })
  }
  return openFolder(settings, log)
}

async function openFolder(settings: ControllerSettings, log: Log): Promise<Storage> {
  const { DATA_DIR, SECRET_KEY } = settings
  takeFolder(DATA_DIR, 'DATA_DIR', (sentence) => log.warn({}, sentence))
  const lock = await FolderLock.take(DATA_DIR, 'controller', 'set another DATA_DIR.')
  const folder = new LmdbFolder(DATA_DIR, log)
  return {
    name: 'journal',
    journal: new LmdbJournal(folder),
    agents: new LmdbAgents(folder),
    opinions: new LmdbOpinions(folder),
    users: new UsersFile(DATA_DIR),
    secret: SECRET_KEY ?? keptSecretKey(DATA_DIR),
    deployment: keptDeploymentId(DATA_DIR),
    shared: undefined,
    close: () => lock.release(),
  }
}
