import type { z } from 'zod'
import { replies, requests } from '../../src/server/transport/openapi/schemas.js'
import { auditQuerySchema } from '../../src/shared/access/audit.js'
import { agentParametersSchema } from '../../src/shared/agents/query.js'
import {
  cancelRequestedEventSchema,
  outputEventSchema,
  presenceChangeEventSchema,
  responseEventSchema,
  resultEventSchema,
  startedEventSchema,
  waitingEventSchema,
} from '../../src/shared/commands/event.js'
import { commandInputReplySchema, commandInputSchema } from '../../src/shared/commands/input.js'
import { commandQuerySchema } from '../../src/shared/commands/record.js'
import { commandRequestSchema } from '../../src/shared/commands/request.js'
import { resultErrorSchema } from '../../src/shared/commands/result.js'
import { jsonSchemas, rowsOf } from './fields.js'
import { tableOf } from './markdown.js'

const INTRODUCTION = `# Fields

<!-- Made by \`npm run docs\` from the schemas in src/shared: change those files. -->

Every field of what a controller takes and gives. The names are the same over REST, \`/ws\`, tRPC and in the SDK. Each request is parsed
by these schemas: a field that is not here is refused, with the one that was probably meant. What a controller gives may have more
fields in a later version. Times are RFC 3339 texts in UTC. The routes are in [the REST API](rest.md), the types of the SDK in
[its guide](sdk.md), and the codes of errors in [Errors](errors.md).
`

type Kind = { about: string; schema: z.ZodObject }
type Section = { title: string; io: 'input' | 'output'; kinds: Record<string, Kind> }

const sections: Section[] = [
  {
    title: 'Requests',
    io: 'input',
    kinds: {
      CommandRequest: {
        about:
          '`execute` and `commands.start`, `POST /agents/{agent_id}/execute` (with the agent in its path) and `execute_command_request` of `/ws`.',
        schema: commandRequestSchema,
      },
      CommandInput: {
        about: '`commands.input`: a piece of what a command reads, whose standard input stays open.',
        schema: commandInputSchema,
      },
      AnalyzeRequest: {
        about:
          '`analyze` and `POST /agents/analyze`; the agent is in the path of `POST /agents/{agent_id}/analyze`.',
        schema: requests.AnalyzeRequest,
      },
      AgentFilter: { about: '`agents.list` and the query of `GET /agents`.', schema: agentParametersSchema },
      CommandFilter: {
        about: '`commands.list` and the query of `GET /commands`.',
        schema: commandQuerySchema,
      },
      AuditFilter: { about: '`audit.list` and the query of `GET /audit`.', schema: auditQuerySchema },
      Credentials: { about: 'The form of `POST /token`.', schema: requests.Credentials },
      NewUser: { about: '`users.create` and `POST /users`.', schema: requests.NewUser },
      UserChange: {
        about: '`users.update` and `PATCH /users/{username}`: one of them at least.',
        schema: requests.UserChange,
      },
      PasswordChange: {
        about: '`users.setPassword` and `PUT /users/{username}/password`.',
        schema: requests.PasswordChange,
      },
      NewApiToken: { about: '`tokens.create` and `POST /tokens`.', schema: requests.NewApiToken },
    },
  },
  {
    title: 'Results',
    io: 'output',
    kinds: {
      CommandResult: { about: 'What a command came to.', schema: replies.CommandResult },
      ResultError: {
        about: 'What ended a command, or kept it from running, where it was not its process.',
        schema: resultErrorSchema,
      },
      CommandInputReply: { about: 'How far the input of a command is.', schema: commandInputReplySchema },
    },
  },
  {
    title: 'Events',
    io: 'output',
    kinds: {
      ResponseEvent: { about: 'The first event: the command is stored.', schema: responseEventSchema },
      WaitingEvent: {
        about: 'The agent has the command and cannot start it yet.',
        schema: waitingEventSchema,
      },
      StartedEvent: { about: 'The command has started.', schema: startedEventSchema },
      OutputEvent: { about: 'A chunk of output.', schema: outputEventSchema },
      PresenceChangeEvent: {
        about: 'The agent that runs the command was lost, or is back.',
        schema: presenceChangeEventSchema,
      },
      CancelRequestedEvent: {
        about: 'The command is to be cancelled. Its end is the result.',
        schema: cancelRequestedEventSchema,
      },
      ResultEvent: {
        about:
          'The last event: the command has ended. It is also the answer of `POST /agents/{agent_id}/execute`.',
        schema: resultEventSchema,
      },
      AgentEvent: { about: 'An agent, in `GET /events`.', schema: replies.AgentEvent },
    },
  },
  {
    title: 'History',
    io: 'output',
    kinds: {
      CommandRecord: {
        about: 'One command in the history, without its output.',
        schema: replies.CommandRecord,
      },
      CommandDetail: { about: 'One command with its result.', schema: replies.CommandDetail },
      CommandPage: { about: 'A page of the history, the newest command first.', schema: replies.CommandPage },
    },
  },
  {
    title: 'Agents',
    io: 'output',
    kinds: {
      Agent: { about: 'An agent as `GET /agents` shows it.', schema: replies.Agent },
      AgentInfo: { about: 'What an agent says of its machine and of itself.', schema: replies.AgentInfo },
    },
  },
  {
    title: 'How machines join',
    io: 'output',
    kinds: {
      JoinToken: {
        about: 'A join token as `GET /join-tokens` shows it, without its secret.',
        schema: replies.JoinToken,
      },
      CreatedJoinToken: { about: 'A join token that was just made.', schema: replies.CreatedJoinToken },
      AgentJoined: {
        about: 'How the controller answers an agent that has joined.',
        schema: replies.AgentJoined,
      },
      AgentToken: { about: 'A token of an agent that has a key.', schema: replies.AgentToken },
    },
  },
  {
    title: 'Analysis',
    io: 'output',
    kinds: {
      Analysis: { about: 'What a command would do, said without running it.', schema: replies.Analysis },
      CommandAnalysis: {
        about: 'What was said of a command before it ran, as its events and its record show it.',
        schema: replies.CommandAnalysis,
      },
      AiProcessing: { about: 'The three parts of an analysis.', schema: replies.AiProcessing },
      Validation: { about: 'The risks of a command.', schema: replies.Validation },
      Optimization: { about: 'How a command could be better.', schema: replies.Optimization },
      Enrichment: { about: 'What there is to know of a command.', schema: replies.Enrichment },
    },
  },
  {
    title: 'Audit',
    io: 'output',
    kinds: {
      AuditRecord: { about: 'One deed, in the [audit](audit.md).', schema: replies.AuditRecord },
      AuditPage: { about: 'A page of records, the newest first.', schema: replies.AuditPage },
      AuditCheckpoint: { about: 'The signed head of a chain.', schema: replies.AuditCheckpoint },
      AuditCheckpoints: { about: 'Checkpoints of all chains.', schema: replies.AuditCheckpoints },
      AuditWitnesses: {
        about: 'What connected agents have kept of the heads of chains.',
        schema: replies.AuditWitnesses,
      },
    },
  },
  {
    title: 'Accounts and errors',
    io: 'output',
    kinds: {
      Token: { about: 'What a login is answered with.', schema: replies.Token },
      Identity: { about: 'Who a caller is.', schema: replies.Identity },
      User: { about: 'An account.', schema: replies.User },
      UserPage: { about: 'A page of accounts.', schema: replies.UserPage },
      UserSession: { about: 'A login of an account.', schema: replies.UserSession },
      UserSessions: { about: 'The logins of an account.', schema: replies.UserSessions },
      ApiToken: { about: 'An API token, without what is secret of it.', schema: replies.ApiToken },
      MadeApiToken: { about: 'The same when it was just made.', schema: replies.MadeApiToken },
      ApiTokenList: { about: 'The API tokens of one account.', schema: replies.ApiTokenList },
      Problem: { about: 'An error, as `application/problem+json`.', schema: replies.Problem },
      ValidationProblem: {
        about: 'The same where fields of the request are wrong (422).',
        schema: replies.ValidationProblem,
      },
    },
  },
]

/** docs/reference.md: the fields of the wire, from the schemas that both sides parse with. */
export function referenceGuide(): string {
  const kinds = sections.flatMap((section) => Object.entries(section.kinds))
  const named = Object.fromEntries(kinds.map(([name, { schema }]) => [name, schema]))
  const written = { input: jsonSchemas(named, 'input'), output: jsonSchemas(named, 'output') }
  const parts = sections.map((section) => sectionOf(section, written[section.io]))
  return [INTRODUCTION, ...parts].join('\n')
}

const columns = {
  input: ['field', 'type and bounds', 'default', 'meaning'],
  output: ['field', 'type and bounds', 'meaning'],
}

function sectionOf({ title, io, kinds }: Section, schemas: ReturnType<typeof jsonSchemas>): string {
  const parts = Object.entries(kinds).map(([name, { about }]) => {
    const rows = rowsOf(schemas[name] ?? {}, io)
    if (rows.length === 0) throw new Error(`${name} has no fields`)
    return [`### ${name}`, about, tableOf(columns[io], rows)].join('\n\n')
  })
  return `${[`## ${title}`, ...parts].join('\n\n')}\n`
}
