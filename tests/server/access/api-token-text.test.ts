import { describe, expect, test } from 'vitest'
import {
  apiTokenId,
  isApiToken,
  looksLikeApiToken,
  makeApiToken,
} from '../../../src/server/access/api-token-text.js'
import { newId } from '../../../src/shared/id.js'

describe('an API token', () => {
  const id = newId()
  const { token, hash } = makeApiToken(id)

  test('has its id, 256 random bits and a checksum', () => {
    expect(token).toMatch(new RegExp(`^ogt_${id}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`))
    expect(apiTokenId(token)).toBe(id)
    expect(makeApiToken(id).token).not.toBe(token)
  })

  test('is recognised by its hash, which has nothing of it', () => {
    expect(isApiToken(token, hash)).toBe(true)
    expect(isApiToken(makeApiToken(id).token, hash)).toBe(false)
    expect(hash).toHaveLength(43)
    expect(token).not.toContain(hash)
    expect(isApiToken(token, '')).toBe(false)
  })

  test('is not whole with any letter changed, left out or added', () => {
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'x' ? 'y' : 'x'
      const changed = token.slice(0, at) + other + token.slice(at + 1)
      expect(apiTokenId(changed), changed).toBeUndefined()
      expect(apiTokenId(token.slice(0, at)), `${at}`).toBeUndefined()
      expect(apiTokenId(token.slice(0, at) + token.slice(at + 1)), `without ${at}`).toBeUndefined()
    }
    expect(apiTokenId(`${token}0`)).toBeUndefined()
    expect(apiTokenId(`${token}\n`)).toBeUndefined()
    expect(looksLikeApiToken('eyJhbGciOi')).toBe(false)
  })
})
