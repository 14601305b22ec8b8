// Writes an .env beside docker-compose.yml with a random value for every secret that it asks for. One that is there is
// left as it is.
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

const required = [...readFileSync('docker-compose.yml', 'utf8').matchAll(/\$\{([A-Z_]+):\?/g)]
const names = [...new Set(required.map(([, name]) => name))].sort()
const lines = names.map((name) => `${name}=${randomBytes(24).toString('base64url')}\n`)
const head = '# Made by npm run compose:env; keep it to yourself.\n'
try {
  writeFileSync('.env', `${head}${lines.join('')}`, { mode: 0o600, flag: 'wx' })
  console.log(`Wrote .env with ${names.join(', ')}. Start with: docker compose up -d --build`)
} catch (error) {
  if (error.code !== 'EEXIST') throw error
  const held = readFileSync('.env', 'utf8')
  const missing = names.filter((name) => !new RegExp(`^${name}=.`, 'm').test(held))
  const rest = missing.length === 0 ? 'It has all that is needed.' : `It lacks ${missing.join(', ')}.`
  console.error(`.env is there already and was left as it is. ${rest}`)
  process.exitCode = missing.length === 0 ? 0 : 1
}
