import { fieldOf } from '../../interpreter/programs/invocation.js'
import { byDeeds } from '../deeds.js'
import { isAt } from '../path-classes.js'
import type { Rule } from '../rule.js'

/** Secrets that come from a program, not from a file. */
export const accessTokens: readonly Rule[] = [
  {
    id: 'access/show-token',
    title: 'Shows a secret that a program keeps',
    severity: 'medium',
    ...byDeeds([
      {
        programs: 'aws',
        words:
          /\bexport-credentials\b|\bget-secret-value\b|\bget-session-token\b|\bget-parameters?\b.*--with-decryption|\becr get-authorization-token\b/,
      },
      { programs: 'gcloud', words: /\bprint-(?:access|identity)-token\b|\bsecrets versions access\b/ },
      { programs: 'az', words: /\bget-access-token\b|\bkeyvault secret show\b/ },
      { programs: 'gh glab', words: /\bauth token\b|\bauth status\b.*(?:-t|--show-token)\b/ },
      { programs: 'vault', words: /\bkv get\b|^(?:-\S+ )*read .*(?:secret|creds)\// },
      { programs: 'op', words: /^(?:-\S+ )*(?:read|item get .*--reveal)\b/ },
      { programs: 'pass gopass', words: /^(?:show|-c) \S/ },
      { programs: 'security', words: /\bfind-(?:generic|internet)-password\b.* -[a-z]*[wg]/ },
      { programs: 'secret-tool', words: /^lookup\b/ },
      { programs: 'doppler', words: /\bsecrets (?:get|download)\b/ },
      {
        programs: 'curl wget http xh',
        words: /169\.254\.169\.254\S*(?:credentials|token|user-data)|metadata\.google\.internal\S*token/,
      },
    ]),
    risk: 'shows a secret, and the output is stored with the command',
    caught: [
      'gh auth token',
      'aws secretsmanager get-secret-value --secret-id x',
      'curl -s http://169.254.169.254/latest/meta-data/iam/security-credentials/x',
      'security find-generic-password -w -s x',
    ],
    passed: [
      'gh auth status',
      'aws secretsmanager list-secrets',
      'vault kv list kv',
      'curl http://169.254.169.254/latest/meta-data/',
    ],
  },
  {
    id: 'access/find-secret',
    title: 'Searches for secrets and passes them on',
    severity: 'medium',
    programs: ['find'],
    finds: (run) =>
      run.args.some((field) => /^-exec(?:dir)?$/.test(field.value)) &&
      run.args.find(
        (field, index) =>
          /^-i?name$/.test(run.args[index - 1]?.value ?? '') && isAt(run, fieldOf(field.value), 'secret'),
      ),
    risk: (what) => `searches for every ${what} and passes on what it finds`,
    caught: ['find / -name id_ed25519 -exec cp {} /tmp/keys \\;'],
    passed: ['find / -name id_ed25519', 'find . -name "*.js" -exec cp {} /tmp \\;'],
  },
]
