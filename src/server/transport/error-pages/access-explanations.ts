import type { Explanation } from './explanation.js'

/** Of the codes that say who may do what. */
export const accessExplanations = {
  UNAUTHORIZED: {
    happened: 'The controller does not know who sent the request.',
    when: [
      'The request has no token: the header `Authorization: Bearer …` is missing.',
      'The token has expired (`ACCESS_TOKEN_EXPIRE_MINUTES`), or a clock is far off, which makes tokens end early.',
      'The name or the password of a login is wrong.',
      'The account was removed or changed, or the token is of another deployment.',
    ],
    retry: 'Log in first: with a new token the same request is taken.',
    next: [
      'Get a token with `POST /token`, or `ogent login` on the command line.',
      'If a login is refused, compare name and password with `ogent users list` on the controller.',
    ],
  },
  FORBIDDEN: {
    happened: 'The controller knows who calls, and that account may not do this.',
    when: [
      'The role of the account does not include the action, such as a `viewer` who runs a command.',
      'An agent registers an id that another account registered first.',
      'A web page whose origin is not in `CORS_ORIGINS` opens a WebSocket.',
      'The request names a host that is not in `ALLOWED_HOSTS`.',
    ],
    retry: 'The answer stays the same until the account or the setting changes.',
    next: [
      'Read `detail`: it names the role or the setting.',
      'Log in with an account that has this role, or ask an administrator for it.',
    ],
  },
  COMMAND_REFUSED: {
    happened: 'The guard sees a high risk in the command. It was not run, and no part of it was.',
    when: [
      '`COMMAND_GUARD` is `block` at the controller or at the agent.',
      'The request has `use_ai`, with which a high risk is always refused.',
    ],
    retry: 'The same command is refused again.',
    next: [
      'Read `risks`: a sentence for each risk. `ogent analyze -- …` says the same with suggestions.',
      'Change the command; or, where the risk is meant, an admin sends it with `"allow_risk": "high"`.',
    ],
  },
  APPROVAL_REQUIRED: {
    happened: 'The policy allows this only with the approval of others. It was not run.',
    when: ['The grant that fits the request has `approvals`, and this controller cannot collect them yet.'],
    retry: 'The answer stays the same until the policy changes.',
    next: [
      'Read `detail`: it names the grant. `ogent access explain` says what else would fit.',
      'Ask those who keep the policy for a grant that needs no approval, or have the command run by an account that has one.',
    ],
  },
  TOKEN_EXHAUSTED: {
    happened: 'The join token has been used as often as it may be, and the agent did not join.',
    when: [
      'A second machine joins by a token that is for one.',
      'The same machine joins once more, with a new key or later than 10 minutes after it joined.',
    ],
    retry: 'The same token is refused again.',
    next: ['Make another one: `ogent join-tokens create`, with `--uses` for several machines.'],
  },
  AGENT_REVOKED: {
    happened: 'The agent was revoked: its key opens nothing any more, and its id is not given again.',
    when: ['An administrator revoked it, as by `ogent agents revoke`.', 'Another agent registers its id.'],
    retry: 'A revoked agent stays revoked.',
    next: [
      'Where the machine is to come back, join it anew with a join token, under another id.',
      'Empty its state folder first: the key in it is of no use.',
    ],
  },
  USER_EXISTS: {
    happened: 'There is an account of that name, so none was made.',
    when: ['An account is created with the name of another one.'],
    retry: 'The name stays taken until its account is removed.',
    next: [
      'Choose another name, or change the account that there is: `ogent users roles`, `ogent users password`.',
    ],
  },
  POLICY_CHANGED: {
    happened: 'The policy is another one than the change was made from, so nothing was saved.',
    when: ['Another administrator has saved a policy since it was read: `If-Match` names an older one.'],
    retry: 'Read the policy again first.',
    next: ['Get the policy with its `ETag`, make the change once more, and send it with that tag.'],
  },
} satisfies Record<string, Explanation>
