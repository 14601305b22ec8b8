import { expect, test } from 'vitest'
import { mask } from '../../../src/server/analysis/secret-mask.js'

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
  ["curl -H 'X-Api-Key: abc12345' https://x", 'abc12345'],
  ["curl -H 'Cookie: session=abcd1234' https://x", 'abcd1234'],
  ['curl -X POST https://hooks.slack.com/services/T00000000/B00000000/abcdefXYZ', 'abcdefXYZ'],
  ['docker login -u me -p hunter2 reg', 'hunter2'],
  ['redis-cli -h x -a hunter2 ping', 'hunter2'],
  ['mongosh -u a -p hunter2 db', 'hunter2'],
  ['ldapsearch -x -w hunter2', 'hunter2'],
  ['smbclient //s/d -U user%hunter2', 'hunter2'],
  ['openssl rsa -passin pass:hunter2 -in k', 'hunter2'],
  ["echo 'root:hunter2' | chpasswd", 'hunter2'],
  ['htpasswd -b f user hunter2', 'hunter2'],
  ['zip -P hunter2 a.zip b', 'hunter2'],
  ['7z x -phunter2 a.7z', 'hunter2'],
  ['git clone https://abcdef123456@github.com/a/b', 'abcdef123456'],
  ['npm config set //r/:_authToken abc-def-123', 'abc-def-123'],
  ["az storage x --connection-string 'AccountName=a;AccountKey=abcd=='", 'abcd=='],
  ["curl 'https://x/?sig=abcdef123&x=1'", 'abcdef123'],
  ["curl 'https://x/?api_key=abcdef123'", 'abcdef123'],
  ["curl 'https://x/?access_token=abcdef123'", 'abcdef123'],
  ['mysql -uroot --password=hunter2', 'hunter2'],
  ["PGPASSWORD='a b' psql", 'a b'],
  ['export TOKEN=hunter2', 'hunter2'],
  ['SECRET_KEY=hunter2 ./x', 'hunter2'],
  ["curl -H 'Authorization: Basic dXNlcjpwYXNz'", 'dXNlcjpwYXNz'],
  ["curl -H 'authorization: Token abcdef12'", 'abcdef12'],
  ['echo hunter2 | docker login --password-stdin', 'hunter2'],
  ['echo hunter2 | sudo -S ls', 'hunter2'],
  ['sshpass -phunter2 ssh h', 'hunter2'],
  ['aws configure set aws_secret_access_key hunter2', 'hunter2'],
  ['vault login hvs.CAESIabcdefgh', 'hvs.CAESIabcdefgh'],
  ['wget --http-password hunter2 x', 'hunter2'],
  ['curl --proxy-user a:hunter2 x', 'hunter2'],
  ['kubectl create secret generic x --from-literal=db=hunter2', 'hunter2'],
  ['useradd -p hunter2 u', 'hunter2'],
  ['sqlcmd -S h -U sa -P hunter2', 'hunter2'],
  ["psql 'host=x password=hunter2'", 'hunter2'],
  ["curl -d 'username=a&password=hunter2' x", 'hunter2'],
  ['SG.abcdefghijklmnop.qrstuvwxyz012345', 'SG.abcdefghijklmnop.qrstuvwxyz012345'],
  ['echo AGE-SECRET-KEY-1ABCDEFGHIJ', 'AGE-SECRET-KEY-1ABCDEFGHIJ'],
  ['passwd: hunter2', 'hunter2'],
  ['mysql -e "ALTER USER a IDENTIFIED BY \'hunter2\'"', 'hunter2'],
  ['psql -c "CREATE ROLE a PASSWORD \'hunter2\'"', 'hunter2'],
  ['echo -n hunter2 | gpg --batch --passphrase-fd 0 -c f', 'hunter2'],
  ['curl --oauth2-bearer hunter2 x', 'hunter2'],
]

test.each(secrets)('the mask hides the secret of %j and restores it', (command, secret) => {
  const { texts, restore } = mask([command])
  expect(texts[0]).not.toContain(secret)
  expect(texts[0]).toContain('MASKED_SECRET_1')
  expect(restore(texts[0] ?? '')).toBe(command)
})

test.each([
  'ls -la /var/log',
  'ssh deploy@web.example.com ls',
  'docker run -p 8080:80 nginx',
  'mkdir -p /srv/app',
  'git config set core.pager less',
  'git commit -m "fix the parser"',
  'echo "$PASSWORD" | docker login --password-stdin',
  'curl --token "$TOKEN" https://x',
  'git show 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed',
])('the mask leaves %j unchanged', (command) => {
  expect(mask([command]).texts).toEqual([command])
})

test('the mask names a secret the same in all texts, and restores texts that contain such names already', () => {
  const { texts, restore } = mask(['a --token abc; b --token abc', 'token: abc', 'MASKED_SECRET_1'])
  expect(new Set(texts.join(' ').match(/XMASKED_SECRET_\d+/g)).size).toBe(1)
  expect(texts.map(restore)).toEqual(['a --token abc; b --token abc', 'token: abc', 'MASKED_SECRET_1'])
})

test('the mask takes little time for a long text', () => {
  const began = process.cpuUsage()
  for (const part of [
    'password=',
    '--token ',
    'curl -u ',
    'a',
    "'",
    '://a:',
    '-----BEGIN PRIVATE KEY-----',
    'mysql ',
    'echo ',
    'htpasswd -b a b ',
    'cookie:',
    'https://aaaaaaaaaa',
    'config set a',
    'docker login ',
    'echo x | sudo ',
  ]) {
    mask([part.repeat(Math.ceil(16_384 / part.length))])
  }
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000)
})
