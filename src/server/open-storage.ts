import { diskOf } from '../host/disk.js'
import { FolderLock } from '../host/folder-lock.js'
import { takeFolder } from '../host/private-folder.js'
import { keptAuditKey } from './access/audit/key-file.js'
import { LmdbAuditStore } from './access/audit/store.lmdb.js'
import { keptOrderKey, orderKeyFrom } from './access/order-key.js'
import { LmdbPolicies } from './access/policy/store.lmdb.js'
import type { EndedSession, StoredToken } from './access/ports.js'
import { LmdbRows } from './access/rows.lmdb.js'
import { keptDeploymentId, keptSecretKey } from './access/secrets.js'
import { LmdbSessions } from './access/sessions.lmdb.js'
import { LmdbTokenUses } from './access/token-uses.lmdb.js'
import { UsersFile } from './access/users-file.js'
import { LmdbEnrolmentRows } from './agents/enrolment/rows.lmdb.js'
import { LocalDirectory } from './agents/local-directory.js'
import { LmdbAgents } from './agents/store.lmdb.js'
import { LmdbOpinions } from './analysis/cache.lmdb.js'
import { LocalOwnership, localAttendance } from './cluster/local.js'
import { LocalRelay } from './cluster/relay.js'
import type { ControllerSettings } from './config.js'
import type { Events } from './events.js'
import { LmdbJournal } from './journal/lmdb/journal.lmdb.js'
import { LmdbFolder } from './storage/folder.lmdb.js'
import type { Storage } from './stores.js'
import type { Log } from './telemetry/ports.js'
import { memoryLimiter } from './transport/limits/rate-limiter.js'

/** `isHere`: whether this controller has an agent's link. Rejects with a sentence where there is no such store. */
export async function openStorage(
  settings: ControllerSettings,
  log: Log,
  events: Events,
  isHere: (agent_id: string) => boolean,
): Promise<Storage> {
  const { REDIS_URL, SECRET_KEY } = settings
  if (REDIS_URL !== undefined && SECRET_KEY !== undefined) {
    // Who has no Redis does not load what speaks to it.
    const { openRedisStorage } = await import('./open-redis-storage.js')
    return openRedisStorage({
      url: REDIS_URL,
      secret: SECRET_KEY,
      orderKey: settings.ORDER_KEY === undefined ? undefined : orderKeyFrom(settings.ORDER_KEY),
      retentionHours: settings.RETENTION_HOURS,
      log,
      events,
      isHere,
    })
  }
  return openFolder(settings, log)
}

async function openFolder(settings: ControllerSettings, log: Log): Promise<Storage> {
  const { DATA_DIR, SECRET_KEY } = settings
  takeFolder(DATA_DIR, 'DATA_DIR', (sentence) => log.warn({}, sentence))
  const lock = await FolderLock.take(DATA_DIR, 'controller', 'set another DATA_DIR.')
  log.info({ data_dir: DATA_DIR }, 'data is kept in this folder')
  const folder = new LmdbFolder(DATA_DIR, log)
  return {
    name: 'journal',
    journal: new LmdbJournal(folder),
    directory: new LocalDirectory(new LmdbAgents(folder), log),
    enrolment: new LmdbEnrolmentRows(folder),
    ownership: new LocalOwnership(),
    attendance: localAttendance,
    relay: new LocalRelay(),
    audit: new LmdbAuditStore(folder),
    auditKey: keptAuditKey(DATA_DIR),
    orderKey: settings.ORDER_KEY === undefined ? keptOrderKey(DATA_DIR) : orderKeyFrom(settings.ORDER_KEY),
    opinions: new LmdbOpinions(folder),
    users: new UsersFile(DATA_DIR),
    policies: new LmdbPolicies(folder),
    sessions: new LmdbSessions(folder),
    endedSessions: new LmdbRows<EndedSession>(folder, 'ended-sessions'),
    tokens: new LmdbRows<StoredToken>(folder, 'tokens'),
    tokenUses: new LmdbTokenUses(folder),
    limiters: memoryLimiter,
    secret: SECRET_KEY ?? keptSecretKey(DATA_DIR),
    deployment: keptDeploymentId(DATA_DIR),
    disk: () => diskOf(DATA_DIR),
    close: () => lock.release(),
  }
}
