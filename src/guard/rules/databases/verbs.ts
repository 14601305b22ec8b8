import type { Invocation } from '../../interpreter/programs/invocation.js'
import { has, valuesOf } from '../../interpreter/programs/options.js'
import { begins, subcommand } from '../run-predicates.js'
import { destroysData, sqlStatements } from '../sql.js'

/** `redis-cli KEYS '*' | xargs redis-cli DEL`. */
function deletesAllKeys(run: Invocation, verb: string | undefined): boolean {
  if (verb !== 'del' && verb !== 'unlink') return false
  const told = [...run.upstream, ...run.args.flatMap((field) => field.sources)]
  if (told.some((one) => /^(?:e?grep|head|tail|sed|awk)$/.test(one.program))) return false
  return told.some((one) => {
    if (one.program !== run.program) return false
    const words = one.args.map((field) => field.value.toLowerCase())
    const pattern = valuesOf(one, 'pattern')[0]?.value
    return (
      (words.includes('keys') && words.at(-1) === '*') ||
      (words.includes('--scan') && (pattern ?? '*') === '*')
    )
  })
}

/** The command with which the database's own program deletes everything in it. */
export function dropsAll(run: Invocation): boolean {
  const words = subcommand(run)
  const lower = words.map((word) => word.toLowerCase())
  switch (run.program) {
    case 'redis-cli':
    case 'valkey-cli':
    case 'keydb-cli':
      return (
        /^(?:flushall|flushdb)$/.test(lower[0] ?? '') ||
        deletesAllKeys(run, lower[0]) ||
        sqlStatements((run.input ?? '').replaceAll('\n', ';')).some(destroysData)
      )
    case 'mongosh':
    case 'mongo':
      return [...valuesOf(run, 'eval'), { value: run.input ?? '' }].some((field) =>
        /\.dropDatabase\s*\(|\.drop\s*\(|\.(?:deleteMany|remove)\s*\(\s*(?:\{\s*\})?\s*\)/.test(field.value),
      )
    case 'mysqladmin':
      return lower.includes('drop')
    case 'etcdctl':
      return (
        begins(words, 'del') && has(run, 'prefix', 'from-key') && ['', '/', '""'].includes(words[1] ?? '')
      )
    case 'kafka-topics':
    case 'kafka-topics.sh':
      return has(run, 'delete')
    case 'rabbitmqctl':
      return begins(words, ['reset', 'force_reset', 'delete_vhost'])
    case 'nodetool':
      return begins(words, ['decommission', 'removenode', 'assassinate'])
    case 'consul':
      return begins(words, 'kv', 'delete') && has(run, 'recurse')
    case 'vault':
      return begins(words, 'secrets', 'disable') || begins(words, 'operator', ['seal', 'rekey'])
    case 'influx':
      return begins(words, 'bucket', 'delete')
    case 'cockroach':
    case 'cbq':
    case 'mysql_secure_installation':
      return false
    default:
      return !has(run, 'help', 'version')
  }
}
