import { compilePolicy } from '../../../src/access/policy.js'
import { type GrantInput, policySchema } from '../../../src/shared/access/policy.js'

type RuleInput = NonNullable<GrantInput['commands']>[number]

/** A rule as a line: `systemctl restart nginx`; a word with `*` is a pattern, and `…` repeats the one before it. */
export function rule(line: string): RuleInput {
  const words = line.split(' ').map((word) => (word.includes('*') ? { glob: word } : word))
  if (words.at(-1) !== '…') return { argv: words }
  const rest = words.at(-2)
  if (rest === undefined) throw new Error(`${line}: nothing is repeated`)
  return { argv: words.slice(0, -2), rest }
}

/** What an account with this grant gets for a command: `allow`, or the reason for which it is denied. */
export function answerer(grant: Partial<GrantInput> & { commands: RuleInput[] }): (text: string) => string {
  const policy = compilePolicy(
    policySchema.parse({
      roles: { r: [{ actions: ['run.shell'], agents: 'all', max_risk: 'high', ...grant }] },
    }),
  )
  return (text) => {
    const { verdict, reason } = policy.decide(
      { id: 'user:ann', roles: ['r'] },
      {
        action: 'run.shell',
        now: 0,
        command: { text, target: 'local', env: [], stdin: false, risk: () => 'high' },
      },
      [{ agent_id: 'web-1', labels: {} }],
    )
    return verdict === 'allow' ? verdict : reason
  }
}
