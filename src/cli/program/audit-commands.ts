import type { Command } from 'commander'
import type { AuditListFlags, AuditVerifyFlags } from '../commands/audit.js'
import type { ConnectionFlags } from '../session/connect.js'
import { collect, connection, examples, type Then, whole } from './options.js'

/** `ogent audit`: who did what, all of it as a file, and whether that is what was written. */
export function auditCommands(program: Command, then: Then): void {
  const audit = examples(
    program
      .command('audit')
      .summary('list who did what, export it, verify it')
      .description('List who did what, export all of it, and verify that it is what was written'),
    ['ogent audit list --actor ann --since 1d', 'what an account did since yesterday'],
    ['ogent audit export > audit.jsonl', 'all of it, to keep'],
    ['ogent audit verify --file audit.jsonl --checkpoint cp.json', 'without a controller'],
    ['ogent audit verify --witnesses', 'against what agents have kept'],
  )
  connection(audit.command('list'))
    .description('List who did what, the newest first')
    .option('--actor <name>', 'that this account or agent did')
    .option('--action <name>', 'of this kind, or of all that begin with it: order, users.')
    .option('--object <object>', 'that were done to this, such as agent:web-1')
    .option('--since <time>', 'since: 90s, 30m, 2h, 3d or 1w ago, a day (2026-11-30), or a time (RFC 3339)')
    .option('--until <time>', 'before: the same')
    .option('--limit <n>', 'so many at most', whole(1, 1_000_000), 20)
    .option('--json', 'print JSON lines')
    .action((flags: AuditListFlags) =>
      then(async () => (await import('../commands/audit.js')).auditListCommand(flags)),
    )
  connection(audit.command('export'))
    .description('Print all records and checkpoints, as JSON lines')
    .action((flags: ConnectionFlags) =>
      then(async () => (await import('../commands/audit.js')).auditExportCommand(flags)),
    )
  connection(audit.command('verify'))
    .description('Say whether the records are those that were written; exits 1 at the first that is not')
    .option('--file <file>', 'of this export, without a controller')
    .option(
      '--checkpoint <file>',
      'compared with checkpoints that were kept in this file; may be given again',
      collect,
    )
    .option('--witnesses', 'compared with what the connected agents have kept')
    .option('--json', 'print JSON')
    .action((flags: AuditVerifyFlags) =>
      then(async () => (await import('../commands/audit.js')).auditVerifyCommand(flags)),
    )
}
