import type { CommandDetail } from '../../shared/commands/record.js'
import { UsageError } from '../errors/report.js'
import { write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { bytesForPeople, durationForPeople } from '../output/units.js'
import { withCommandId } from '../session/command-id.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

export type ShowFlags = ConnectionFlags & { cast?: boolean; json?: boolean }

/** `ogent show`: one command, how it ended and what it wrote; or its recording, for a terminal player. */
export async function showCommand(typed: string, flags: ShowFlags): Promise<number> {
  if (flags.cast && flags.json) throw new UsageError('--cast is JSON lines already: leave --json out')
  const ogent = await connect(flags)
  try {
    return await withCommandId(ogent, typed, async (command_id) => {
      if (flags.cast) {
        for await (const part of ogent.commands.recording(command_id)) await write(process.stdout, part)
        return 0
      }
      const detail = await ogent.commands.get(command_id)
      if (flags.json) await writeJson(detail)
      else await write(process.stdout, forPeople(detail))
      return 0
    })
  } finally {
    await ogent.close()
  }
}

function forPeople(detail: CommandDetail): string {
  const { result } = detail
  const fields: [string, string | null][] = [
    ['command', detail.command],
    ['id', detail.command_id],
    ['agent', detail.agent_id],
    ['target', detail.target && `${detail.target} (${detail.execution_type})`],
    ['status', detail.status],
    ['exit code', detail.exit_code === null ? null : String(detail.exit_code)],
    ['signal', detail.signal],
    ['reason', detail.reason],
    ['requested by', detail.requested_by],
    ['created', detail.created_at && withAge(detail.created_at)],
    ['started', detail.started_at && withAge(detail.started_at)],
    ['ended', detail.ended_at && withAge(detail.ended_at)],
    ['time', detail.duration_ms === null ? null : durationForPeople(detail.duration_ms)],
    ['stdout', result && bytesForPeople(detail.stdout_bytes)],
    ['stderr', result && bytesForPeople(detail.stderr_bytes)],
  ]
  const rows = fields.flatMap(([name, value]) => (value ? [[`${name}:`, value]] : []))
  const output = result
    ? section('stdout', result.stdout) + section('stderr', result.stderr)
    : `\nIt has not ended. Watch it: ogent follow ${detail.command_id}\n`
  return table(rows) + output
}

/** On a terminal with how long ago it was. */
function withAge(time: string): string {
  const shown = shownTime(time)
  return shown === time ? time : `${time} (${shown})`
}

function section(title: string, text: string): string {
  if (text === '') return ''
  return `\n--- ${title} ---\n${text}${text.endsWith('\n') ? '' : '\n'}`
}
