import type { ErrorCode } from '../../../shared/errors.js'
import { accessExplanations } from './access-explanations.js'
import type { Explanation } from './explanation.js'

/** One for each code of the closed table. The pages below `/docs/errors` and docs/errors.md are made of it. */
export const explanations: Record<ErrorCode, Explanation> = {
  BAD_REQUEST: {
    happened: 'The controller could not read the request, so nothing was done.',
    when: [
      'The body is not JSON, although its `Content-Type` says so.',
      'The path has a `%` that is followed by no two hexadecimal digits.',
      'The bytes are not HTTP, their headers are too large, or they took too long to arrive.',
      'An agent and the controller are too many versions apart to understand each other.',
    ],
    retry: 'The same bytes are refused again.',
    next: ['Read `detail`: it names what could not be read.', 'Correct the request and send it again.'],
  },
  ...accessExplanations,
  NOT_FOUND: {
    happened: 'The controller has no route, page or procedure of that name.',
    when: [
      'The path has a typing error.',
      'The path is of a later version than this controller, whose version is in the header `Ogent-Version`.',
    ],
    retry: 'A path that is not there stays so until the controller is upgraded.',
    next: ['Compare the path with `/docs/api`, where this controller lists its routes.'],
  },
  AGENT_NOT_FOUND: {
    happened: 'The controller has never seen an agent with this id, or has forgotten it.',
    when: [
      'The id has a typing error: upper and lower case are different.',
      'The agent has not registered yet, or registered at another controller.',
      'The agent was forgotten: by `ogent agents forget`, or after `AGENT_FORGET_DAYS` offline.',
    ],
    retry: 'Only after the agent has registered: it does so by itself when it starts.',
    next: [
      'List the agents that are known: `GET /agents`, or `ogent agents`.',
      'If yours is missing, look at its log, and at `CONTROLLER_URL` in its settings.',
    ],
  },
  COMMAND_NOT_FOUND: {
    happened: 'The controller has no command with this id.',
    when: [
      'The id has a typing error, or is of another controller.',
      'The command ended longer ago than `RETENTION_HOURS`, and was deleted.',
      'The command was never accepted: its request was refused.',
    ],
    retry: 'The command does not come back.',
    next: ['Look for it in the history: `GET /commands`, or `ogent history`.'],
  },
  METHOD_NOT_ALLOWED: {
    happened: 'The path is right, and does not take this HTTP method.',
    when: ['A `GET` was sent where the route takes a `POST`, or the reverse.'],
    retry: 'The same method is refused again.',
    next: ['Read the header `Allow` of the answer: it lists the methods that this path takes.'],
  },
  AGENT_OFFLINE: {
    happened: 'The agent is known, and was not connected in time. A new command is not run, nor later.',
    when: [
      'The machine or its agent is down, or its network is.',
      'The agent did not connect within `deliver_within_seconds` of the request, which is 10 by default.',
      'The order reached the agent after that time, so the agent did not start it.',
      'Input was sent to a command, and its agent did not answer for 15 seconds.',
    ],
    retry: 'Send it again when the agent is connected, or with a larger `deliver_within_seconds`.',
    next: [
      'See the state of the agent: `GET /agents/{agent_id}`, or `ogent agents`.',
      'Start it, or find out in its log why it does not connect: `docs/troubleshooting.md`.',
    ],
  },
  TARGET_UNAVAILABLE: {
    happened: 'The agent is there, and the machine that the command should run on is not. It was not run.',
    when: [
      'The request asks for `execution_target: "ssh"`, and the agent has no SSH target.',
      'The SSH target does not answer, refuses the login, or has another host key than before.',
      'The agent lacks what the command needs, such as the feature `stdin` for a request with `open_stdin`.',
    ],
    retry: 'Send it again when the target is reachable: the agent keeps trying to connect to it.',
    next: [
      'Read `detail`: it has the cause. `ssh_status` and `ssh_error` of the agent say the same.',
      'Correct the SSH settings of the agent: `docs/ssh.md`. Or run the command on the machine of the agent: `execution_target: "local"`.',
    ],
  },
  COMMAND_ENDED: {
    happened: 'The command has ended, so there is nothing left to cancel, or to write to.',
    when: ['A command is cancelled, or sent input, that has a result already, perhaps since a moment ago.'],
    retry: 'The command has ended for good.',
    next: ['Read its result: `GET /commands/{command_id}`, or `ogent show`.'],
  },
  COMMAND_ID_TAKEN: {
    happened: 'The id of the request belongs to another command. Nothing was started.',
    when: [
      'The `command_id` or `Idempotency-Key` was used before, with another request: its command, agent, `env`, `cwd` and `stdin` all count.',
      'Another account used this id.',
    ],
    retry: 'With the same id the answer stays the same.',
    next: [
      'Choose a new id for each new request, or none: the controller then makes one.',
      'To follow the command that has the id, use `GET /commands/{command_id}/events`.',
    ],
  },
  AGENT_CLONED: {
    happened:
      'The agent that registers here runs on another machine than the one that had this id, with a copy of its state folder.',
    when: [
      'A machine was cloned, or made from an image, after its agent had been started there.',
      'The agent was moved to a new machine, with its state folder.',
      'The disk or the machine-id of an agent that has a key was changed.',
    ],
    retry:
      'It succeeds after the other machine was offline for `AGENT_GRACE_SECONDS` and no command waits for it; for an agent that has a key, when an admin has accepted the machine.',
    next: [
      'For a clone: give this agent an `AGENT_ID` of its own, or an empty `AGENT_STATE_DIR`.',
      'For a move: stop the other agent and wait, or forget it at once with `ogent agents forget`.',
      'Where the agent has a key: join a clone by a join token, and accept a changed machine by `ogent agents accept-machine`.',
    ],
  },
  AGENT_ID_TAKEN: {
    happened: 'Another process holds the link of the agent with this id.',
    when: [
      'Two agents were started with the same `AGENT_ID`.',
      'An agent is to be forgotten while it is connected.',
      'An agent was restarted, and the controller has not noticed yet that the old link is gone.',
    ],
    retry:
      'It succeeds when the other agent is stopped, or its dead link is noticed, which takes 15 seconds.',
    next: ['Give one of the two another `AGENT_ID` or state folder.', 'To forget an agent, stop it first.'],
  },
  PAYLOAD_TOO_LARGE: {
    happened: 'The message, or the answer to it, is larger than the controller takes.',
    when: [
      'A message has more than 4 MiB.',
      'A batch of tRPC has too many calls, or its answers are too large together.',
    ],
    retry: 'The same message is refused again.',
    next: [
      'Send less in one message. A command may have 128 KiB and its `stdin` 1 MiB; more is written piece by piece, with `open_stdin`.',
      'Ask for fewer answers in one batch.',
    ],
  },
  UNSUPPORTED_MEDIA_TYPE: {
    happened: 'The body is of a kind that this route does not read.',
    when: [
      '`Content-Type` is missing, or is not `application/json`. With `curl -d` it is that of a form, unless `-H` names another.',
      'A form was sent to another route than `POST /token`.',
    ],
    retry: 'The same body with the same type is refused again.',
    next: ['Send JSON with `Content-Type: application/json`.'],
  },
  VALIDATION_FAILED: {
    happened: 'The request was read, and some of its fields are not valid. Nothing was done.',
    when: [
      'A field has the wrong type, or is out of its bounds.',
      'A field or a query parameter is not known, most often by a typing error.',
      'A required field is missing.',
      '`Last-Event-ID` is of an event that this command never had.',
    ],
    retry: 'The same request is refused again.',
    next: [
      'Read `detail`: one entry for each fault, with its place in `loc` and the reason in `msg`. `summary` says the same in a sentence.',
      'Compare with the schema of the request in `/docs/api`.',
    ],
  },
  RATE_LIMITED: {
    happened: 'The account or the address has reached a limit. The request was not carried out.',
    when: [
      'It made more requests in a minute than `MAX_REQUESTS_PER_MINUTE`.',
      'Logins failed too often.',
      'Too many of its commands have not ended: `MAX_OPEN_COMMANDS_PER_USER`, `MAX_OPEN_COMMANDS_PER_AGENT`.',
      'It has too many subscriptions, connections or agents: `MAX_SUBSCRIPTIONS_PER_USER`, `MAX_CONNECTIONS_PER_USER`, `MAX_AGENTS_PER_USER`.',
      'It reads its answers more slowly than it asks for them, or its input waits for commands that do not read.',
    ],
    retry:
      'Send it again after the seconds of `Retry-After`, which `retry_after_seconds` repeats in the body.',
    next: [
      'Read `detail`: it names the limit.',
      'Follow a command instead of asking for it again and again; close streams that are not read.',
      'For commands that have not ended: `ogent history --status running`, then cancel some.',
      'Where the limit is too low for what you do, raise the setting.',
    ],
  },
  COMMAND_FAILED: {
    happened:
      'The command did not succeed. Only `assertOk` of the SDK throws this: elsewhere a failed command is an answer.',
    when: ['The command had an exit code other than 0, ran into its time limit, was cancelled, or was lost.'],
    retry: 'To run a command again is a decision of your program: it may have done a part of its work.',
    next: ['Read the exit code and the end of its stderr, which the result has.'],
  },
  INTERNAL: {
    happened: 'Something went wrong in the controller that it does not expect.',
    when: ['Ogent has a fault. The answer says nothing of the cause, since it may hold secrets.'],
    retry: 'Perhaps, but most faults come again. A command with an id of its own may be sent again safely.',
    next: [
      'Find the cause in the log of the controller: search it for the `request_id` of the answer.',
      'Report it, with that line of the log.',
    ],
  },
  AGENT_BUSY: {
    happened: 'The agent has as much to do as it takes. The command was not run.',
    when: [
      'As many commands as `MAX_CONCURRENT_COMMANDS` run on it, and as many as it keeps waiting do wait.',
      'The agent is shutting down.',
    ],
    retry: 'Send it again when some of the commands have ended.',
    next: [
      'See what runs there: `ogent history --agent … --status running`.',
      'Cancel what is not needed, or raise `MAX_CONCURRENT_COMMANDS` of that agent.',
    ],
  },
  UNAVAILABLE: {
    happened: 'The controller runs, and cannot do its work at this moment.',
    when: [
      'Its store cannot be written: the disk is full, or Redis is away.',
      'The controller is shutting down.',
      'As many connections are open as it can have, or too many logins wait.',
    ],
    retry:
      'Send it again after the seconds of `Retry-After`. Give commands an id, so that none starts twice.',
    next: [
      'See which dependency is at fault: `GET /ready`. The log of the controller has the cause.',
      'Free the disk, or bring Redis back: what runs meanwhile is not lost.',
    ],
  },
  CONNECTION_LOST: {
    happened:
      'The connection to the controller broke, or there was none. The SDK has tried for a while already.',
    when: [
      'The controller is down, or its address is wrong.',
      'A network, firewall or proxy between the two cuts connections.',
      'In a web page: `CORS_ORIGINS` does not list its origin, which browsers do not tell a page.',
    ],
    retry: 'Send it again when the controller can be reached. What runs goes on meanwhile.',
    next: [
      'Ask it from the same machine: `curl` its address with `/health`.',
      'Follow the command again by its id: nothing of it is missing.',
    ],
  },
  CLOSED: {
    happened: 'The program or its connection closed the client, or a command closed its standard input.',
    when: ['A call came after or during `close()`; or `run.stdin` writes to a command that reads no more.'],
    retry: 'Not with this client, and not to this standard input.',
    next: ['Close a client after its last call, and make a new one. How a command ended is in its outcome.'],
  },
  CANCELLED: {
    happened: 'The program aborted the signal of a command that it had started.',
    when: ['The `signal` that was given to `execute` or `agent.run` of the SDK was aborted.'],
    retry: 'Only as a new command.',
    next: [
      'Read `cause`: it is the reason of the signal.',
      'Look the command up by `command_id`: it was cancelled at its agent, unless it had ended before.',
    ],
  },
}
