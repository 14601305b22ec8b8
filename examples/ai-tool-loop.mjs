// A model that may run commands, each only after you have said yes. It works with any server of the chat-completions
// protocol: OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL.
// Run it with: node examples/ai-tool-loop.mjs [agent] [task]
import { createInterface } from 'node:readline'
import { createOgentClient } from 'ogent/client'

const { OGENT_URL = 'http://localhost:8001', OGENT_USERNAME = 'admin', OGENT_PASSWORD = '' } = process.env
const {
  OPENAI_BASE_URL = 'https://api.openai.com/v1',
  OPENAI_API_KEY = '',
  OPENAI_MODEL = 'gpt-4o-mini',
} = process.env
const [agent_id = 'local', task = 'Which five folders below /var take the most space?'] =
  process.argv.slice(2)

const MOST_ROUNDS = 20
/** What the model gets to see of each stream; all of it is in the journal. */
const MOST_CHARACTERS = 8000

const tools = [
  {
    type: 'function',
    function: {
      name: 'run_command',
      description: `Runs a shell command on the machine ${agent_id}. A person is asked first, and may say no.`,
      parameters: {
        type: 'object',
        properties: {
          command: { type: 'string', description: 'for /bin/sh -c' },
          why: { type: 'string', description: 'one sentence for the person who is asked' },
        },
        required: ['command', 'why'],
      },
    },
  },
]

const ogent = createOgentClient({ url: OGENT_URL, username: OGENT_USERNAME, password: OGENT_PASSWORD })
const terminal = createInterface({ input: process.stdin })
const typed = terminal[Symbol.asyncIterator]()
try {
  const messages = [
    {
      role: 'system',
      content: 'You look after a machine. Use the tool for all that you need to know or do.',
    },
    { role: 'user', content: task },
  ]
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const message = await ask(messages)
    messages.push(message)
    const calls = message.tool_calls ?? []
    if (calls.length === 0) {
      console.log(printable(message.content ?? ''))
      break
    }
    for (const call of calls) {
      messages.push({ role: 'tool', tool_call_id: call.id, content: JSON.stringify(await answerTo(call)) })
    }
  }
} finally {
  terminal.close()
  await ogent.close()
}

async function ask(messages) {
  const reply = await fetch(`${OPENAI_BASE_URL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPENAI_API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: OPENAI_MODEL, messages, tools }),
  })
  if (!reply.ok) throw new Error(`The model's server answered with ${reply.status}.`)
  const [choice] = (await reply.json()).choices
  return choice.message
}

/** What the model wrote is looked at before it is believed: it may be no JSON, or name another tool. */
async function answerTo(call) {
  const { command, why } = argumentsOf(call)
  if (call.function.name !== 'run_command' || typeof command !== 'string') {
    return { error: 'There is one tool, run_command, and it takes a command.' }
  }
  const { validation } = await ogent.analyze({ command, agent_id })
  console.log(`\nThe model wants to run on ${agent_id}: ${printable(command)}`)
  console.log(`  why: ${printable(String(why ?? ''))}\n  risk: ${validation.risk_level}`)
  for (const risk of validation.risks) console.log(`  - ${printable(risk)}`)
  process.stdout.write('Run it? [y/N] ')
  const { value = '' } = await typed.next()
  if (!/^y(es)?$/i.test(value.trim())) return { error: 'The person said no.' }
  return runIt(command)
}

async function runIt(command) {
  try {
    // A command that was allowed here may still be refused there: the controller's guard has its own say.
    const run = ogent.execute({ agent_id, command, timeout_seconds: 120 })
    for await (const { data } of run.output) process.stdout.write(data)
    const { status, exit_code, stdout, stderr, reason } = await run
    return { status, exit_code, reason, stdout: cut(stdout), stderr: cut(stderr) }
  } catch (error) {
    return { error: error.message, code: error.code }
  }
}

function argumentsOf(call) {
  try {
    return JSON.parse(call.function.arguments) ?? {}
  } catch {
    return {}
  }
}

function cut(text) {
  if (text.length <= MOST_CHARACTERS) return text
  return `${text.slice(0, MOST_CHARACTERS / 2)}\n[...]\n${text.slice(-MOST_CHARACTERS / 2)}`
}

/** Nothing that could steer the terminal, and so hide what is asked about. */
function printable(text) {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
}
