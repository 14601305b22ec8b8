import { type AuditCheckpoint, auditLineSchema } from '../shared/access/audit.js'
import { isCheckpointBy, isPrunedBy, type Pruned } from './checkpoints.js'
import { kidOf } from './keys.js'
import { hashOf, NO_HASH } from './records.js'

/** A checkpoint that was kept outside of the store, and by what: an agent's id, or a file. */
export type Anchor = { checkpoint: AuditCheckpoint; kept_by: string }

/** The first thing that is wrong; `seq`: of the record at which it shows. */
export type Break = { chain: string; seq: number; reason: string }

/** A chain that holds: records `first` to `last`, of which those up to `anchored` are as they were when a checkpoint was signed. */
export type SoundChain = {
  chain: string
  first: number
  last: number
  /** The newest record that a checkpoint kept outside names, or, where there is none, one of the export itself; 0 without any. */
  anchored: number
  /** What has kept a checkpoint outside that holds. */
  kept_by: string[]
}

export type Verdict = { ok: true; chains: SoundChain[] } | { ok: false; break: Break }

type Chain = {
  first: { seq: number; prev: string }
  /** Of each record from the first one on. */
  hashes: string[]
  anchored: number
}

type Claim = Pruned & { kid: string; signature: string }

/**
 * Verifies the lines of an export one after the other: `read` each, then ask for the `verdict`. A chain that verifies by itself
 * may have lost its end, or have been made anew as a whole by the holder of its key: checkpoints that were kept elsewhere
 * show that.
 */
export class AuditVerification {
  readonly #chains = new Map<string, Chain>()
  readonly #keys = new Map<string, string>()
  readonly #claims: Claim[] = []
  readonly #own: AuditCheckpoint[] = []
  #lines = 0
  #break: Break | undefined

  /** Takes the next line of the export. */
  read(text: string): void {
    this.#lines += 1
    if (this.#break || text.trim() === '') return
    const line = parsed(text)
    if (!line) {
      this.#break = { chain: '', seq: 0, reason: `line ${this.#lines} is neither a record nor a checkpoint` }
    } else if (line.type === 'checkpoint') {
      const { type: _type, ...checkpoint } = line
      this.#own.push(checkpoint)
    } else {
      const { type: _type, ...record } = line
      const reason = this.#take(record)
      if (reason !== undefined) this.#break = { chain: record.chain, seq: record.seq, reason }
    }
  }

  /** What the lines come to, compared with what was kept outside of the store. */
  verdict(anchors: Anchor[] = []): Verdict {
    const wrong =
      this.#break ??
      this.#beginnings() ??
      this.#ownCheckpoints() ??
      this.#outside(anchors) ??
      this.#emptiness()
    if (wrong) return { ok: false, break: wrong }
    const chains = [...this.#chains].map(([chain, { first, hashes, anchored }]) => {
      const held = anchors.filter(({ checkpoint }) => checkpoint.chain === chain)
      const seqs = held.map(({ checkpoint }) => checkpoint.seq)
      return {
        chain,
        first: first.seq,
        last: first.seq + hashes.length - 1,
        anchored: seqs.length > 0 ? Math.max(...seqs) : anchored,
        kept_by: [...new Set(held.map(({ kept_by }) => kept_by))],
      }
    })
    return { ok: true, chains }
  }

  /** What is wrong with a record, as "it …" is continued. */
  #take(record: TakenRecord): string | undefined {
    const { chain: name, seq, prev, hash } = record
    const chain = this.#chains.get(name)
    if (chain) {
      const next = chain.first.seq + chain.hashes.length
      if (seq < next) return 'is out of its order, or there twice'
      if (seq > next) return `does not follow: ${numbers(next, seq - 1)} missing before it`
      if (prev !== chain.hashes.at(-1)) return 'does not have the hash of the record before it'
    }
    if (hash !== hashOf(record)) return 'was changed: its hash is another one'
    if (chain) chain.hashes.push(hash)
    else this.#chains.set(name, { first: { seq, prev }, hashes: [hash], anchored: 0 })
    this.#learn(record)
    return undefined
  }

  /** Records of the chains themselves name the keys, and what was removed on purpose. */
  #learn({ action, details }: TakenRecord): void {
    if (action !== 'audit.start' && action !== 'audit.prune') return
    const { public_key, chain, through_seq, hash, kid, signature } = details
    if (typeof public_key === 'string') this.#keys.set(kidOf(public_key), public_key)
    if (typeof chain !== 'string' || typeof through_seq !== 'number' || typeof hash !== 'string') return
    if (typeof kid !== 'string' || typeof signature !== 'string') return
    this.#claims.push({ chain, through_seq, hash, kid, signature })
  }

  #beginnings(): Break | undefined {
    for (const [chain, { first }] of this.#chains) {
      const { seq, prev } = first
      if (seq === 1 ? prev === NO_HASH : this.#isPruned(chain, seq - 1, prev)) continue
      const reason =
        seq === 1 ? 'does not begin its chain' : `is the first: ${numbers(1, seq - 1)} missing before it`
      return { chain, seq, reason }
    }
    return undefined
  }

  #isPruned(chain: string, seq: number, hash?: string): boolean {
    return this.#claims.some((claim) => {
      const { through_seq, kid, signature } = claim
      if (claim.chain !== chain || (hash === undefined ? through_seq < seq : through_seq !== seq))
        return false
      const key = this.#keys.get(kid)
      const pruned: Pruned = { chain, through_seq, hash: claim.hash }
      return (
        (hash === undefined || claim.hash === hash) && key !== undefined && isPrunedBy(key, pruned, signature)
      )
    })
  }

  #ownCheckpoints(): Break | undefined {
    for (const checkpoint of this.#own) {
      const reason = this.#compare(checkpoint)
      if (reason !== undefined) return { ...placeOf(checkpoint), reason }
      const chain = this.#chains.get(checkpoint.chain)
      if (chain) chain.anchored = Math.max(chain.anchored, checkpoint.seq)
    }
    return undefined
  }

  #outside(anchors: Anchor[]): Break | undefined {
    for (const { checkpoint, kept_by } of anchors) {
      const reason = this.#compare(checkpoint)
      if (reason !== undefined) return { ...placeOf(checkpoint), reason: `${reason} (kept by ${kept_by})` }
    }
    return undefined
  }

  /** What is wrong about the record that a checkpoint names. */
  #compare(checkpoint: AuditCheckpoint): string | undefined {
    const { chain: name, seq, hash, count, kid } = checkpoint
    const chain = this.#chains.get(name)
    const last = chain ? chain.first.seq + chain.hashes.length - 1 : 0
    if (seq > last || !chain) {
      if (this.#isPruned(name, seq)) return undefined
      return `is missing, and so are all after it: a checkpoint names ${numbers(1, seq)}, the export ends at ${last}`
    }
    const at = seq - chain.first.seq
    // It was removed on purpose: the beginning of the chain has been looked at.
    if (at < 0) return undefined
    const key = this.#keys.get(kid)
    if (key === undefined)
      return 'is named by a checkpoint whose key is none of this export: it was made anew'
    if (!isCheckpointBy(key, checkpoint)) return 'is named by a checkpoint whose signature is wrong'
    if (chain.hashes[at] !== hash) return 'has another hash than a checkpoint says: the chain was made anew'
    return seq - count + 1 > chain.first.seq ? 'is one of more records than its checkpoint counts' : undefined
  }

  #emptiness(): Break | undefined {
    return this.#chains.size > 0 ? undefined : { chain: '', seq: 0, reason: 'the export has no records' }
  }
}

type TakenRecord = {
  chain: string
  seq: number
  prev: string
  hash: string
  action: string
  details: Record<string, unknown>
}

function parsed(text: string) {
  try {
    return auditLineSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function placeOf({ chain, seq }: AuditCheckpoint): { chain: string; seq: number } {
  return { chain, seq }
}

function numbers(from: number, to: number): string {
  return from === to ? `record ${from} is` : `records ${from} to ${to} are`
}
