import { expect, test } from 'vitest'
import { mask } from '../../../src/server/core/mask.js'

const secrets: [command: string, secret: string][] = [
  ['curl -H "Authorization: Bearer abcdef1234567890" https://x', 'abcdef1234567890'],
  ['curl -u admin:hunter2secret https://x', 'hunter2secret'],
  ['git clone https://user:p4ssw0rd@github.com/a/b', 'p4ssw0rd'],
  ['psql postgres://app:s3cr3t@db/x', 's3cr3t'],
  ['mysql -u root -phunter2 shop', 'hunter2'],
  ["sshpass -p 'two words' ssh host", 'two words'],
  ['PGPASSWORD=abc123 psql', 'abc123'],
  ['export AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG"', 'wJalrXUtnFEMI/K7MDENG'],
  ['aws configure set aws_access_key_id AKIAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPLE'],
  ['deploy --token=tok-12345', 'tok-12345'],
  ['deploy --api-key tok-12345', 'tok-12345'],
  ['redis-cli --pass opensesame', 'opensesame'],
  ['echo ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
  ['export K=sk-proj-abcdefghijklmnop1234', 'sk-proj-abcdefghijklmnop1234'],
  ['echo eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', 'eyJzdWIiOiIxIn0'],
  ['echo AbCdEf0123456789AbCdEf0123456789xyz', 'AbCdEf0123456789AbCdEf0123456789xyz'],
  ["echo '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----' > k", 'MIIE'],
  [`curl -d '{"password": "in json"}' https://x`, 'in json'],
  ['curl -d "{\\"token\\": \\"in a string\\"}" https://x', 'in a string'],
]

test.each(secrets)('hides the secret of %j and restores it', (command, secret) => {
  const { texts, restore } = mask([command])
  expect(texts[0]).not.toContain(secret)
  expect(texts[0]).toContain('MASKED_SECRET_1')
  expect(restore(texts[0] ?? '')).toBe(command)
})

test.each([
  'ls -la /var/log',
  'git commit -m "fix the parser"',
  'echo "$PASSWORD" | docker login --password-stdin',
  'curl --token "$TOKEN" https://x',
  'git show 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed',
])('leaves %j as it is', (command) => {
  expect(mask([command]).texts).toEqual([command])
})

test('one secret has one name in all texts, and a text that has such names already stays whole', () => {
  const { texts, restore } = mask(['a --token abc; b --token abc', 'token: abc', 'MASKED_SECRET_1'])
  expect(new Set(texts.join(' ').match(/XMASKED_SECRET_\d+/g)).size).toBe(1)
  expect(texts.map(restore)).toEqual(['a --token abc; b --token abc', 'token: abc', 'MASKED_SECRET_1'])
})

test('a long text is masked in no time', () => {
  const began = performance.now()
  for (const part of [
    'password=',
    '--token ',
    'curl -u ',
    'a',
    "'",
    '://a:',
    '-----BEGIN PRIVATE KEY-----',
    'mysql ',
  ]) {
    mask([part.repeat(Math.ceil(16_384 / part.length))])
  }
  expect(performance.now() - began).toBeLessThan(2000)
})
